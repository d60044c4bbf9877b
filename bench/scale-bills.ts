// What so many users cost a month, by the prices and amounts of docs/operations.md.
import { amountsOfMillion, assumed, idleMonth, measured, prices, prod, quotas } from './scale-costs.ts'
import { acus, type Need } from './scale-needs.ts'

/** US dollars of a million new users with one wallet each. */
export function priceMillion(): number {
  const amounts = amountsOfMillion
  return (
    (amounts.requests / 1e6) * (prices.gatewayMillion + prices.wafMillion) +
    amounts.lambdaGbSeconds * prices.lambdaGbSecond +
    (amounts.lambdaRequests / 1e6) * prices.lambdaMillion +
    (amounts.s3Puts / 1e3) * prices.s3PutThousand +
    (amounts.s3Gets / 1e3) * prices.s3GetThousand +
    amounts.s3GbMonths * prices.s3GbMonth +
    (amounts.kmsRequests / 1e4) * prices.kmsTenThousand +
    (amounts.sqsRequests / 1e6) * prices.sqsMillion +
    (amounts.auroraIos / 1e6) * prices.auroraIoMillion +
    amounts.logGb * prices.logGb +
    (amounts.traces / 1e6) * prices.xrayMillion
  )
}

const hours = 730
const database = prod.database.kind === 'aurora' ? prod.database : undefined
const newOfMonth = (users: number) => (users / assumed.growthDays) * assumed.daysOfMonth
const idleCapacity = database?.capacity.minimum ?? 0
/** ACUs of each instance: enough for the CPU, never less than `prod` has at idle, never more than there are. */
const capacity = (users: number) =>
  Math.min(quotas.acus, Math.max(idleCapacity, Math.ceil(acus(users) * assumed.headroom)))
const instances = 1 + (database?.readers ?? 0)

/** US dollars a month. */
export const bills: readonly Need[] = [
  {
    what: 'new users: what each costs',
    formula: `N × 30 % × $${priceMillion().toFixed(2)} a million`,
    of: (users) => (newOfMonth(users) / 1e6) * priceMillion(),
    unit: '$',
  },
  {
    what: 'reading of all others',
    formula: 'N × 5 % × 30 days × $4.10 a million',
    of: (users) =>
      ((users * assumed.dailyReaders * assumed.daysOfMonth) / 1e6) * (prices.gatewayMillion + prices.wafMillion),
    unit: '$',
  },
  {
    what: 'Aurora: capacity above 1 ACU',
    formula: 'ACU × 1.5, of 2 instances × 730 h × $0.12',
    of: (users) => (capacity(users) - idleCapacity) * instances * hours * prices.acuHour,
    unit: '$',
  },
  {
    what: 'Aurora: storage, when all are there',
    formula: 'N × bytes × $0.10 a GB',
    of: (users) => ((users * (measured.tableBytes + measured.indexBytes)) / 1e9) * prices.auroraGbMonth,
    unit: '$',
  },
  {
    what: 'S3: clean copies, when all are there',
    formula: 'N × 1 MB × $0.023 a GB, for five years',
    of: (users) => ((users * assumed.documentBytes) / 1e9) * prices.s3GbMonth,
    unit: '$',
  },
  { what: '`prod` idle', formula: 'docs/operations.md', of: () => idleMonth, unit: '$' },
]
