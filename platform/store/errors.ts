import { defineError, type NebulaError, type ProblemDocument, toProblem } from "../core/index.ts";

export const leaseLost = defineError({
  code: "NEB300",
  status: 409,
  title: "Lease lost",
  retry: true,
  hint: "Somebody else holds the stack now, or the holder was gone for longer than its lease. Nothing was written after that.",
});

/** As stored in operations.error. */
export const toDocument = (error: NebulaError, operation?: string): ProblemDocument => toProblem(error, operation);
