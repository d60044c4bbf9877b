// A phrase for a stack whose logs are searched for it. Two words in a row of any phrase may be in a log by chance ("time zone",
// "base system"): these are words that no program has a use for.
import { randomInt } from 'node:crypto'
import { entropyToMnemonic, wordlists } from 'bip39'

const animals =
  'buffalo chicken cricket dinosaur dolphin donkey eagle elephant giraffe gorilla hamster hedgehog jaguar kangaroo kitten ' +
  'leopard lizard lobster monkey mosquito ostrich oyster panther pelican pigeon puppy rabbit raccoon salmon scorpion shrimp ' +
  'squirrel tiger tortoise tuna turkey turtle whale wolf zebra'

/** 24 English words of BIP-39, all but the last of them animals, at random. */
export function drawMnemonic(): string {
  const names = animals.split(' ')
  const english = wordlists.english ?? []
  const drawn = Array.from({ length: 23 }, () => english.indexOf(names[randomInt(names.length)] ?? ''))
  // 11 bits a word; of the last word three bits are entropy, and the others the checksum.
  const bits = `${drawn.map((index) => index.toString(2).padStart(11, '0')).join('')}000`
  return entropyToMnemonic(BigInt(`0b${bits}`).toString(16).padStart(64, '0'))
}
