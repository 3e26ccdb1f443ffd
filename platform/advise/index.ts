/**
 * What is amiss in a database's schema, by looks at its catalog. Owns the lints. Does not own how a database is reached, nor what
 * migrations do while they run (platform/migrations).
 *
 * 1. Only the catalog is read; no function of the tenant's is named.
 * 2. Each lint has a database in the tests where it speaks and one where it is silent.
 */
export { type Advice, type AdviceRow, adviceLints, adviceParameters, adviceSql, toAdvice } from "./advise.ts";
export { adviceFailed } from "./errors.ts";
export type { AdviceLevel, AdviceLint } from "./lint.ts";
