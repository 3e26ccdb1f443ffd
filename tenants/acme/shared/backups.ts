/**
 * How long Acme keeps backups. Files in `shared/` declare nothing: the projects of the tenant import them, and a change here
 * is a change of every database that uses it.
 */
export const longTerm = { retention: "30d", pitr: true } as const;
