import type { Observe } from "../../platform/core/index.ts";
import { type Identity, passwordProblem, weakPassword } from "../../platform/identity/index.ts";
import type { Mailer } from "../../platform/mail/index.ts";
import type { Providers } from "./federation/provider.ts";
import { type AttemptLimiter, type AttemptLimits, defaultAttemptLimits, makeAttemptLimiter } from "./limiter.ts";

export const registrationModes = ["open", "invited", "closed"] as const;
export type RegistrationMode = (typeof registrationModes)[number];

/** What the flows work with; one a process. */
export type Auth = {
  readonly identity: Identity;
  readonly observe: Observe;
  readonly limiter: AttemptLimiter;
  /** open: whoever has a mailbox. invited: whom an administrator invites. closed: nobody. */
  readonly registration: RegistrationMode;
  /** Where the portal is, for mails. */
  readonly publicUrl: string;
  /** Where mails go. */
  readonly mailVia: Mailer["via"];
  /** Who else says who somebody is. */
  readonly providers: Providers;
};

export type AuthOptions = {
  readonly identity: Identity;
  readonly observe: Observe;
  readonly registration: RegistrationMode;
  readonly publicUrl: string;
  readonly mailVia: Mailer["via"];
  readonly limits?: Partial<AttemptLimits>;
  readonly providers?: Providers;
};

export const makeAuth = ({ limits, providers = new Map(), ...parts }: AuthOptions): Auth => ({
  ...parts,
  providers,
  limiter: makeAttemptLimiter(parts.identity.sql, { ...defaultAttemptLimits, ...limits }),
});

/** @throws NEB669 naming `field` */
export function demandGoodPassword(password: string, email: string | null, field = "password"): void {
  const problem = passwordProblem(password, { email });
  if (problem === undefined) return;
  throw weakPassword(`${field}: ${problem}`, { fields: { errors: [{ path: field, message: problem }] } });
}
