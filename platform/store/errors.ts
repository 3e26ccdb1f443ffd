import { defineError, type NebulaError, type ProblemDocument, toProblem } from "../core/index.ts";

export const leaseLost = defineError({
  code: "NEB300",
  status: 409,
  title: "Lease lost",
  retry: true,
  hint: "Somebody else holds the stack now, or the holder was gone for longer than its lease. Nothing was written after that.",
});

export const schemaTooOld = defineError({
  code: "NEB902",
  status: 500,
  title: "The ledger's schema is older than this program",
  retry: true,
  hint: "Run the migrations as the ledger's owner: `nebula up` does, in a cluster the migration job (platform/store/migrate-main.ts).",
});

/** As stored in operations.error. */
export const toDocument = (error: NebulaError, operation?: string): ProblemDocument => toProblem(error, operation);
