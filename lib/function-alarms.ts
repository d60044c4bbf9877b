// The alarms on the functions together, by metric math: whose fault it is, the runbook shows how to ask.
import type { AlarmDefinition } from './alarm-definition.ts'
import type { FunctionName } from './bundle.ts'
import type { ServiceMetrics } from './service-metrics.ts'

/**
 * Functions whose failure is not ours: for `authorize` a refused token is an error, as API Gateway wants it, and strangers'
 * documents may crash `inspect`. Both count what matters themselves.
 */
const answersForStrangers: readonly string[] = ['authorize', 'inspect']

/** A deploy calls it, and fails when it is refused. */
const calledByDeploys: readonly string[] = ['migrate']

export function defineFunctionAlarms(metrics: ServiceMetrics): readonly AlarmDefinition[] {
  // CloudWatch adds up ten metrics in an alarm, and not more.
  const allFunctions = (Object.keys(metrics.watched.functions) as FunctionName[]).filter(
    (name) => metrics.watched.functions[name] !== undefined,
  )
  const ourFunctions = allFunctions.filter((name) => !answersForStrangers.includes(name))
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
      metric: metrics.functions(
        allFunctions.filter((name) => !calledByDeploys.includes(name)),
        'Throttles',
        'throttles',
      ),
      threshold: 1,
      periods: 2,
    },
  ]
}
