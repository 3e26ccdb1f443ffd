import type { Request, Response } from "express";
import type { z } from "zod";
import type { Principal, Scope, Target } from "../../platform/identity/index.ts";
import type { LimitClass } from "./limits.ts";
import type { Portal } from "./portal.ts";

/** What routes are grouped by in the reference: the first word of their operation id. */
export const tags = {
  tenants: "Who owns projects and pays.",
  projects: "The units of deployment, quota and placement.",
  databases: "Databases. A change opens a pull request; pause and resume act at once.",
  credentials: "How to connect.",
  sql: "Statements that are run in databases, what was run, and queries that are kept.",
  dataApi: "A database's tables over HTTP.",
  buckets: "Files beside databases.",
  webhooks: "Who is told of changed rows, and what became of each message.",
  secrets: "Passwords of a tenant's own, which declarations refer to by name.",
  pulls: "Pull requests on the tenant repository, with their reviews.",
  operations: "Work in progress and done.",
  usage: "What was used, and what it costs.",
  spending: "What a month costs and will cost, budgets, what would cost less.",
  notifications: "Who is told of what, and what became of it.",
  payments: "Invoices with the payment service.",
  invoices: "What was billed, why, and what is to the good.",
  versions: "Engines and their versions.",
  sizes: "Named sizes.",
  providers: "Where databases can run.",
  repositories: "The Git repositories that declare.",
  replicas: "The processes of this installation.",
  audit: "Who did what.",
  subjects: "What is held about a person.",
  vault: "The keys that seal the secrets.",
  auth: "Who you are, and how you sign in.",
  users: "Other people's accounts.",
  keys: "API keys.",
  serviceAccounts: "A tenant's programs: accounts that are nobody.",
  members: "Who belongs to a tenant. A change opens a pull request.",
  drift: "What runs otherwise than it is declared.",
  incidents: "What operators tell everybody, on the status page.",
  health: "For machines that watch, and for whoever asks whether it works.",
  reference: "This API, described.",
} as const;
export type Tag = keyof typeof tags;

/**
 * A route is data: one entry gives the validators, the OpenAPI operation, the authorisation, the audit line and the rate
 * headers. What it names it cannot forget: `scope` and `target` have no default, so a route without them does not compile.
 */
export type Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  R extends Replies = Replies,
> = {
  readonly method: "get" | "post" | "patch" | "delete";
  /** With `{name}` for parameters, as in OpenAPI. */
  readonly path: string;
  /** `<resource>.<verb>`: the OpenAPI operationId and the action of the audit. */
  readonly operationId: `${Tag}.${string}`;
  readonly scope: Scope | "public";
  /**
   * What a request is about, by its parameters; not reached: 404. "own": the route shows only what the principal reaches and
   * filters itself. "found": its path holds an id that does not say whose it is. The handler looks it up among the principal's
   * own tenants first (404) and only then demands the scope where it belongs (403): no right is looked at before.
   */
  readonly target: "own" | "found" | ((params: z.output<P>) => Target);
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Media types that the body may come as, all of them JSON. Default: application/json. */
  readonly media?: readonly string[];
  /** What the reference shows of the body, where `body` leaves the details to the handler. */
  readonly bodyDocument?: z.ZodType;
  /** If-Match: the change names the version that it changes. */
  readonly match?: true;
  /** All that the change does is in the ledger: with an Idempotency-Key it is one transaction with its kept answer. */
  readonly atomic?: true;
  /** The answer holds a secret: it is not kept for a repeated Idempotency-Key. */
  readonly secret?: true;
  /** What its requests are counted as (limits.ts). Default: `default`. */
  readonly limit?: LimitClass;
  /** Reads are not audited unless they say so; changes always are. */
  readonly audited?: true;
  /** Browsers are sent here: what goes wrong is a page for those who look at it. */
  readonly page?: true;
  readonly replies: R;
  handle(call: Call<z.output<P>, z.output<Q>, z.output<B>>, portal: Portal): Promise<Answer<R>>;
};

export type Reply = {
  readonly description: string;
  /** Media type to schema; null is a body without a schema (text) and no media at all is no body. */
  readonly content: Readonly<Record<string, z.ZodType | null>>;
  readonly headers?: Readonly<Record<string, string>>;
};
export type Replies = Readonly<Record<number, Reply>>;

export type Call<P, Q, B> = {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Who asks; on a public route nobody. */
  readonly principal: Principal;
  readonly requestId: string;
  readonly idempotencyKey: string | undefined;
  /** The value of If-Match on routes that demand it, else "*". */
  readonly match: string;
  /** Adds to the audit line, also when the request is refused afterwards. */
  readonly note: (trail: Trail) => void;
  readonly request: Request;
  /** Whether the caller may still do this: a stream asks while it runs. */
  readonly isStillAllowed: (target: Target) => Promise<boolean>;
};

type JsonOf<R> = R extends { readonly content: { readonly "application/json": infer S extends z.ZodType } }
  ? z.input<S>
  : undefined;

export type Answer<R extends Replies = Replies> =
  | {
      [S in keyof R & number]: {
        readonly status: S;
        readonly body: JsonOf<R[S]>;
        readonly headers?: Readonly<Record<string, string>>;
        /** Added to the audit line: the operation and the commit that this request caused, and what is worth knowing. */
        readonly trail?: Trail;
      };
    }[keyof R & number]
  /** The handler writes the response itself: streams, pages, text. */
  | {
      readonly status: keyof R & number;
      readonly write: (response: Response) => Promise<void>;
      readonly trail?: Trail;
    };

export type Trail = {
  /** Who it was, where the credential does not say: on public routes. */
  readonly actor?: string;
  readonly operation?: string;
  readonly commit?: string;
  readonly resource?: string;
  readonly tenant?: string | null;
  readonly project?: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Where an answer that is no error refuses: a browser that is sent on with what went wrong. */
  readonly result?: "refused";
};

export type AnyRoute = Route<z.ZodType, z.ZodType, z.ZodType, Replies>;

/**
 * Two steps, so that the handler is checked against schemas that are already known: `route({ ... }).handle(async ...)`.
 * The result has forgotten its schemas' types: a table can hold routes of every shape.
 */
export const route = <
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
  const R extends Replies = Replies,
>(
  entry: Omit<Route<P, Q, B, R>, "handle">,
) => ({
  handle: (handle: Route<P, Q, B, R>["handle"]): AnyRoute => ({ ...entry, handle }) as unknown as AnyRoute,
});

export const json = <S extends z.ZodType>(description: string, schema: S, headers: Record<string, string> = {}) => ({
  description,
  content: { "application/json": schema },
  headers,
});
export const text = (description: string, media: string): Reply => ({ description, content: { [media]: null } });
export const nothing = (description: string): Reply => ({ description, content: {} });

/** A change is audited and takes an Idempotency-Key. */
export const isChange = (entry: AnyRoute): boolean => entry.method !== "get";
