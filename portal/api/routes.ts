import { adviceRoutes } from "./advice.ts";
import { approveRoutes } from "./approve.ts";
import { auditRoutes } from "./audit-logs.ts";
import { accountRoutes } from "./auth/account.ts";
import { foreignRoutes } from "./auth/foreign.ts";
import { identityRoutes } from "./auth/identities.ts";
import { passkeyRoutes } from "./auth/passkeys.ts";
import { registrationRoutes } from "./auth/registration.ts";
import { signInRoutes } from "./auth/sign-in.ts";
import { userRoutes } from "./auth/users.ts";
import { authRoutes } from "./auth.ts";
import { backupRoutes } from "./backups.ts";
import { branchRoutes } from "./branches.ts";
import { bucketRoutes } from "./buckets.ts";
import { budgetRoutes } from "./budgets.ts";
import { catalogueRoutes } from "./catalogue.ts";
import { creditRoutes } from "./credits.ts";
import { dataApiRoutes } from "./data-api.ts";
import { databaseFigures } from "./databases/figures.ts";
import { databaseReads } from "./databases/read.ts";
import { databaseActs } from "./databases/run.ts";
import { databaseWrites } from "./databases/write.ts";
import { driftRoutes } from "./drift.ts";
import { healthRoutes } from "./health.ts";
import { importRoutes } from "./import.ts";
import { invoiceRoutes } from "./invoices.ts";
import { keyRoutes } from "./keys.ts";
import { memberRoutes } from "./members.ts";
import { migrationRoutes } from "./migrations.ts";
import { notificationRoutes } from "./notifications.ts";
import { operationRoutes } from "./operations.ts";
import { paymentRoutes } from "./payments.ts";
import { projectRoutes } from "./projects.ts";
import { pullRoutes } from "./pulls/routes.ts";
import { replicaRoutes } from "./replicas.ts";
import { repositoryRoutes } from "./repositories.ts";
import { rollbackRoutes } from "./rollback.ts";
import type { AnyRoute } from "./route.ts";
import { savingRoutes } from "./savings.ts";
import { secretRoutes } from "./secrets.ts";
import { serviceAccountRoutes } from "./service-accounts.ts";
import { spendingRoutes } from "./spending.ts";
import { sqlHistoryRoutes } from "./sql/history.ts";
import { sqlQueryRoutes } from "./sql/queries.ts";
import { sqlRunRoutes } from "./sql/run.ts";
import { incidentRoutes } from "./status/incidents.ts";
import { statusRoutes } from "./status/routes.ts";
import { subjectRoutes } from "./subjects.ts";
import { tableRoutes } from "./tables/routes.ts";
import { tenantRoutes } from "./tenants.ts";
import { typingRoutes } from "./typings.ts";
import { usageRoutes } from "./usage.ts";
import { usageEventRoutes } from "./usage-events.ts";
import { usageTotalRoutes } from "./usage-totals.ts";
import { vaultRoutes } from "./vault.ts";
import { webhookRoutes } from "./webhooks.ts";

/** Every route of the portal, in the order of the reference. To add one, see docs/recipes/add-a-route.md. */
export const routes: readonly AnyRoute[] = [
  ...tenantRoutes,
  ...secretRoutes,
  ...projectRoutes,
  ...databaseReads,
  ...databaseFigures,
  ...databaseWrites,
  ...databaseActs,
  ...dataApiRoutes,
  ...bucketRoutes,
  ...tableRoutes,
  ...sqlRunRoutes,
  ...adviceRoutes,
  ...typingRoutes,
  ...sqlHistoryRoutes,
  ...sqlQueryRoutes,
  ...webhookRoutes,
  ...backupRoutes,
  ...branchRoutes,
  ...importRoutes,
  ...migrationRoutes,
  ...driftRoutes,
  ...rollbackRoutes,
  ...pullRoutes,
  ...operationRoutes,
  ...approveRoutes,
  ...usageRoutes,
  ...usageEventRoutes,
  ...usageTotalRoutes,
  ...invoiceRoutes,
  ...creditRoutes,
  ...spendingRoutes,
  ...budgetRoutes,
  ...savingRoutes,
  ...paymentRoutes,
  ...notificationRoutes,
  ...catalogueRoutes,
  ...repositoryRoutes,
  ...replicaRoutes,
  ...auditRoutes,
  ...subjectRoutes,
  ...vaultRoutes,
  ...signInRoutes,
  ...foreignRoutes,
  ...registrationRoutes,
  ...accountRoutes,
  ...identityRoutes,
  ...passkeyRoutes,
  ...authRoutes,
  ...keyRoutes,
  ...serviceAccountRoutes,
  ...memberRoutes,
  ...userRoutes,
  ...incidentRoutes,
  ...statusRoutes,
  ...healthRoutes(() => routes),
];
