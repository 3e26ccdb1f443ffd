import type { DatabaseId } from "../../platform/spec/index.ts";

/** What is sent back. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

/** A request as the stages see it. */
export type Asked = {
  readonly method: string;
  /** Below the database, percent-encoded as it came: `/rest/v1/orders`. */
  readonly path: string;
  /** Raw, without the question mark. */
  readonly query: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the socket's other end. */
  readonly address: string;
};

/** Who asks, proved. */
export type Caller = {
  readonly kind: "anonymous" | "key" | "token";
  readonly role: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What its own limit counts: a key, a user of an issuer, an address. */
  readonly subject: string;
  readonly mayWrite: boolean;
};

export type Named =
  | { readonly by: "id"; readonly id: DatabaseId }
  | { readonly by: "endpoint"; readonly endpoint: string };
