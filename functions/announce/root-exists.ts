// The port that tells whether the vault holds a root, on Secrets Manager: without reading it.
import { DescribeSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { holdsRoot } from '../../shared/vault.ts'

/** What it makes throws what the SDK throws. */
export function createRootExists(secrets: SecretsManagerClient, secretArn: string): () => Promise<boolean> {
  return async () => {
    const { VersionIdsToStages } = await secrets.send(new DescribeSecretCommand({ SecretId: secretArn }))
    return holdsRoot(VersionIdsToStages ?? {})
  }
}
