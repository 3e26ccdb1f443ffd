export { appendAudit, type NewAuditLog } from "./append-audit.ts";
export { type AuditFilter, type AuditLog, listAudit } from "./list-audit.ts";
