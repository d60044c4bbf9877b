// A rule that every event source mapping is held to when templates are written.
import type { Stack } from 'aws-cdk-lib'
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda'

/**
 * Fails the synthesis of a stack that has a mapping without partial responses: one record that fails would then bring
 * back, or take to the dead letters, all that came with it. For Kafka they exist in provisioned mode only.
 */
export function requirePartialResponses(stack: Stack): void {
  stack.node.addValidation({
    validate: () =>
      stack.node
        .findAll()
        .filter((child) => child instanceof CfnEventSourceMapping)
        .flatMap((mapping) => {
          const name = mapping.node.path
          const problems: string[] = []
          if (!mapping.functionResponseTypes?.includes('ReportBatchItemFailures')) {
            problems.push(
              `expected ReportBatchItemFailures of the event source mapping ${name}; set reportBatchItemFailures`,
            )
          }
          if (mapping.topics !== undefined && mapping.provisionedPollerConfig === undefined) {
            problems.push(`expected provisioned mode of the Kafka mapping ${name}; set provisionedPollerConfig`)
          }
          return problems
        }),
  })
}
