/** An account. `email` is lower-case; it proves something only when `emailVerifiedAt` is set. */
export type User = {
  readonly id: string;
  readonly kind: "person" | "service";
  readonly email: string | null;
  readonly name: string;
  readonly passwordHash: string | null;
  readonly emailVerifiedAt: Date | null;
  readonly platformAdmin: boolean;
  readonly disabledAt: Date | null;
  readonly createdAt: Date;
};

export const userColumns = `users.id, users.kind, users.email, users.name, users.password_hash as "passwordHash",
  users.email_verified_at as "emailVerifiedAt", users.platform_admin as "platformAdmin",
  users.disabled_at as "disabledAt", users.created_at as "createdAt"`;
