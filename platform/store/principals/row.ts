/** Who an API token speaks for, as stored. The secret itself is never here, only its hash. */
export type PrincipalRow = {
  /** The public part of the token. */
  readonly id: string;
  readonly name: string;
  readonly secretHash: Buffer;
  readonly userName: string;
  readonly role: string;
  readonly tenant: string | null;
  readonly project: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
};

export const principalColumns = `id, name, secret_hash as "secretHash", user_name as "userName", role, tenant, project,
  created_at as "createdAt", expires_at as "expiresAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt"`;
