/**
 * `nebula`'s product commands. They speak HTTP to the portal and import no other room: what they can do, a user can do with
 * curl. Data goes to standard output, talk to standard error; exit codes are in `failure.ts`.
 */
import type { Command } from "commander";
import { addAccountCommands } from "./commands/account.ts";
import { addAdviseCommand } from "./commands/advise.ts";
import { addAuditCommands } from "./commands/audit.ts";
import { addBranchCommands } from "./commands/branch.ts";
import { addBucketCommands } from "./commands/bucket.ts";
import { addCiCommand } from "./commands/ci.ts";
import { addDatabaseCommands } from "./commands/db.ts";
import { addDriftCommands } from "./commands/drift.ts";
import { addGitHubCommands } from "./commands/github.ts";
import { addInvoiceCommands } from "./commands/invoice.ts";
import { addKeyCommands } from "./commands/key.ts";
import { addVaultKeyCommands } from "./commands/keys.ts";
import { addLoginCommand } from "./commands/login.ts";
import { addMemberCommands } from "./commands/member.ts";
import { addNotifyCommands } from "./commands/notify.ts";
import { addOperationCommands } from "./commands/ops.ts";
import { addPaymentCommands } from "./commands/payments.ts";
import { addPullCommands } from "./commands/pr.ts";
import { addReplicaCommand } from "./commands/replicas.ts";
import { addRepositoryCommands } from "./commands/repo.ts";
import { addRollbackCommand } from "./commands/rollback.ts";
import { addSecretCommands } from "./commands/secret.ts";
import { addServiceAccountCommands } from "./commands/service-account.ts";
import { addSpendingCommands } from "./commands/spending.ts";
import { addSqlCommand } from "./commands/sql.ts";
import { addStatusPageCommands } from "./commands/status-page.ts";
import { addSubjectCommands } from "./commands/subject.ts";
import { addTypesCommand } from "./commands/types.ts";
import { addUsageCommands } from "./commands/usage.ts";
import { addUserCommands } from "./commands/user.ts";
import { addWebhookCommands } from "./commands/webhook.ts";

export { type FileVerdict, verifyFile } from "./audit-file.ts";
export { makeClient } from "./client.ts";
export { type Chapter, chapters, runDemo } from "./demo/index.ts";
export { makeRecorder, type Recorder } from "./demo/steps.ts";
export { CommandFailure, exitCodes } from "./failure.ts";
export { followOperation } from "./follow.ts";
export { readConnection } from "./settings.ts";

export function addProductCommands(program: Command): void {
  addDatabaseCommands(program);
  addSqlCommand(program);
  addWebhookCommands(program);
  addAdviseCommand(program);
  addTypesCommand(program);
  addBranchCommands(program);
  addBucketCommands(program);
  addDriftCommands(program);
  addPullCommands(program);
  addRollbackCommand(program);
  addOperationCommands(program);
  addRepositoryCommands(program);
  addGitHubCommands(program);
  addReplicaCommand(program);
  addStatusPageCommands(program);
  addUsageCommands(program);
  addInvoiceCommands(program);
  addSpendingCommands(program);
  addPaymentCommands(program);
  addNotifyCommands(program);
  addSecretCommands(program);
  addCiCommand(program);
  addLoginCommand(program);
  addAccountCommands(program);
  addUserCommands(program);
  addMemberCommands(program);
  addServiceAccountCommands(program);
  addKeyCommands(program);
  addVaultKeyCommands(program);
  addAuditCommands(program);
  addSubjectCommands(program);
}
