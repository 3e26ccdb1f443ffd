/** An API key, as stored. The secret itself is never here, only its hash. */
export type PrincipalRow = {
  /** The public part of the key. */
  readonly id: string;
  readonly name: string;
  readonly secretHash: Buffer;
  /** Who it speaks for, as a name. */
  readonly userName: string;
  /** The account that it belongs to: it holds what the account holds, narrowed by what follows. null: it speaks for a name. */
  readonly owner: string | null;
  /** null only with an owner: whatever the owner is. */
  readonly role: string | null;
  readonly tenant: string | null;
  readonly project: string | null;
  readonly database: string | null;
  /** null: all that it would hold otherwise. */
  readonly scopes: readonly string[] | null;
  readonly madeBy: string | null;
  /** The key that it was rotated to. */
  readonly successor: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
};

export const principalColumns = `p.id, p.name, p.secret_hash as "secretHash", p.user_name as "userName", p.owner, p.role,
  p.tenant, p.project, p.database, p.scopes, p.made_by as "madeBy", p.successor, p.created_at as "createdAt",
  p.expires_at as "expiresAt", p.last_used_at as "lastUsedAt", p.revoked_at as "revokedAt"`;
