// The alarms on the functions together, by metric math: whose fault it is, the runbook shows how to ask.
import type { AlarmDefinition } from './alarm-definition.ts'
import type { ServiceMetrics } from './service-metrics.ts'

/**
 * Functions whose failure is ours. Not `authorize`, for which a refused token is an error as API Gateway wants it, and not
 * `inspect`, which strangers' documents may crash: both count what matters themselves.
 */
const ourFunctions = ['intake', 'verification', 'wallet', 'announce', 'read', 'docs', 'migrate'] as const

export function defineFunctionAlarms(metrics: ServiceMetrics): readonly AlarmDefinition[] {
  const allFunctions = [...ourFunctions, 'authorize', 'inspect'] as const
  return [
    {
      name: 'function-errors',
      meaning: 'Functions failed or timed out 5 times or more within 5 minutes. What they were doing comes again.',
      metric: metrics.functions(ourFunctions, 'Errors', 'errors'),
      threshold: 5,
    },
    {
      name: 'function-throttles',
      meaning: 'Lambda refused to run functions for 10 minutes: the account or a function is at its concurrency.',
      metric: metrics.functions(allFunctions, 'Throttles', 'throttles'),
      threshold: 1,
      periods: 2,
    },
  ]
}
