/** One sign-in on one device. Alive while neither ended nor past either of its two expiries. */
export type Session = {
  readonly id: string;
  readonly userId: string;
  /** RFC 8176: pwd, otp, hwk... */
  readonly amr: readonly string[];
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** Pushed back by each refresh. */
  readonly idleExpiresAt: Date;
  /** Never pushed back. */
  readonly expiresAt: Date;
};

export type EndReason = "signed-out" | "everywhere" | "reuse" | "password" | "disabled";

export const sessionColumns = `sessions.id, sessions.user_id as "userId", sessions.amr, sessions.address,
  sessions.user_agent as "userAgent", sessions.created_at as "createdAt", sessions.last_used_at as "lastUsedAt",
  sessions.idle_expires_at as "idleExpiresAt", sessions.expires_at as "expiresAt"`;

export const isAlive = "sessions.ended_at is null and sessions.idle_expires_at > now() and sessions.expires_at > now()";
