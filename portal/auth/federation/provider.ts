import { z } from "zod";

/**
 * Somebody else who says who a person is: an OpenID provider, or GitHub.
 *
 * 1. A person elsewhere is known by what never changes: `oidc:<issuer>` and `sub`, `github` and the numeric id. Names, logins and
 *    e-mail addresses are shown, and never looked up by.
 * 2. `email` is there only if the provider says that it has verified it.
 */
export type ForeignIdentity = {
  /** `oidc:<issuer>` or `github`, as user_identities has it. */
  readonly provider: string;
  readonly subject: string;
  readonly login: string | null;
  readonly name: string | null;
  readonly email: string | null;
};

/** What the operator believes of a provider. */
export type Trust = {
  /** Only who has a verified e-mail address in one of these may come this way; null: anybody. `*`: any, but verified. */
  readonly emailDomains: readonly string[] | null;
  /** For these an address that the provider has verified is as good as one that we have: it opens the account of that address. */
  readonly trustedEmailDomains: readonly string[];
  /** Whether a newcomer from `emailDomains` gets an account. */
  readonly createAccounts: boolean;
};

/** What binds an answer of the provider to the request for it. Derived from the ticket of the browser, kept nowhere. */
export type Binding = { readonly state: string; readonly nonce: string; readonly verifier: string };

export type Provider = {
  /** In addresses: `corp`, `github`. */
  readonly name: string;
  readonly kind: "oidc" | "github";
  /** On the button. */
  readonly label: string;
  readonly trust: Trust;
  /** Where it sends the browser back to; the whole address is registered there. */
  readonly redirectUri: string;
  /** Where to send a browser. @throws NEB636 */
  authorize(binding: Binding): Promise<URL>;
  /** Who came back, from the query of the way back. @throws NEB636, NEB637 */
  identify(query: URLSearchParams, binding: Binding): Promise<ForeignIdentity>;
};

export type Providers = ReadonlyMap<string, Provider>;

/** As accounts have it; null when it is no e-mail address. */
export function emailOf(claimed: unknown): string | null {
  const parsed = z.email().max(254).toLowerCase().safeParse(claimed);
  return parsed.success ? parsed.data : null;
}

/** What a stranger wrote, as a line that is shown and mailed. */
export const oneLine = (text: string): string =>
  text
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 254);
