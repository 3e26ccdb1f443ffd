/**
 * Savings: databases that would cost less if they were declared otherwise. Owns the rules, what each would save by the tenant's own prices,
 * and the change of the declaration that does it. Does not own the edit of the text (portal/edit), nor the catalog's own lints
 * (platform/advise).
 *
 * 1. A rule looks at what was recorded, never at data, and wakes nobody. Missing indexes alone are asked of the catalog, when somebody asks.
 * 2. Money is rated by `rate`, as an invoice's line: what is used now against what would be, for a month of 730 hours.
 * 3. What cannot be known (how fast the work must be) is not guessed: a saving says what it takes away.
 */
export { noSaving } from "./errors.ts";
export { indexMigration, type MissingIndex, missingIndexes } from "./indexes.ts";
export { computeCost, listSavings, type Saving } from "./list.ts";
export { type Finding, type Looked, rules } from "./rules.ts";
