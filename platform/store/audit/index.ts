/**
 * Who did what: one chain of hashes (decision 0013). Owns the lines, the pseudonyms and keys of the people in them, signatures,
 * retention. Does not own which things are audited: portal/api's route table says that.
 */
export { type Audit, makeAudit } from "./audit.ts";
export { type KeepAuditOptions, keepAudit } from "./keep-audit.ts";
export type { AuditLog, ChainLine, NewAuditLog } from "./line.ts";
export { canonical, genesis, hashAfter } from "./line.ts";
export type { AuditFilter, AuditPage } from "./list-audit.ts";
export { subjectContext } from "./subjects.ts";
export type { AuditVerdict, KnownHead } from "./verify-audit.ts";
