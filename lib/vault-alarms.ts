// The alarms on the mnemonic and what is derived from it. Each means that wallets are not issued, or must not be.
import { Duration } from 'aws-cdk-lib'
import { Stats } from 'aws-cdk-lib/aws-cloudwatch'
import type { AlarmDefinition } from './alarm-definition.ts'
import type { ServiceMetrics } from './service-metrics.ts'

export function defineVaultAlarms(metrics: ServiceMetrics): readonly AlarmDefinition[] {
  return [
    {
      name: 'address-drift',
      meaning: 'A derived address is not the one that was issued, or belongs to another user. Nothing was written.',
      metric: metrics.own('wallet', 'address_drift'),
      threshold: 1,
    },
    {
      name: 'cross-check-failed',
      meaning: 'Two implementations derived different addresses for one path. Nothing of that batch was written.',
      metric: metrics.own('wallet', 'cross_check_failed'),
      threshold: 1,
    },
    {
      name: 'account-indices-used-up',
      meaning: 'The keyring has no account index left for a new user. Records of new users wait, and none is lost.',
      metric: metrics.own('wallet', 'account_indices_used_up'),
      threshold: 1,
    },
    {
      name: 'vault-refused',
      meaning: 'The root in the vault is not the one that is expected, or may not be opened. Records wait.',
      metric: metrics.own('wallet', 'vault_refused'),
      threshold: 1,
    },
    {
      name: 'vault-failing',
      meaning: 'The vault was seen empty, refused or away, and not opened since, for 10 minutes. No wallet is issued.',
      metric: metrics.own('announce', 'vault_failing', { period: Duration.minutes(1), statistic: Stats.MAXIMUM }),
      threshold: 1,
      periods: 10,
    },
  ]
}
