-- What an issued wallet must be by itself: its path is that of its network, address type and account, and one event
-- makes at most one wallet. The release before writes nothing else.

-- A type is never paired with another purpose (BIP-44, 49, 84, 86) or coin (SLIP-44; 1 is that of Bitcoin's testnet).
alter table wallet.wallets add constraint wallets_path check (
  (network, address_type, derivation_path) in (
    ('ethereum', 'eip55', 'm/44''/60''/' || account_index::text || '''/0/0'),
    ('tron', 'base58check', 'm/44''/195''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2pkh', 'm/44''/0''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2pkh', 'm/44''/1''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2sh-p2wpkh', 'm/49''/0''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2sh-p2wpkh', 'm/49''/1''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2wpkh', 'm/84''/0''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2wpkh', 'm/84''/1''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2tr', 'm/86''/0''/' || account_index::text || '''/0/0'),
    ('bitcoin', 'p2tr', 'm/86''/1''/' || account_index::text || '''/0/0')
  )
);

create unique index wallets_source_event on wallet.wallets (source_event_id);
