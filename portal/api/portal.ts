import type { Clock, Health, Metrics, Observe, Secret, Tracer, Vault } from "../../platform/core/index.ts";
import type { GitHub } from "../../platform/github/index.ts";
import type { Directory } from "../../platform/identity/index.ts";
import type { Keyring, TenantSecrets } from "../../platform/keys/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import type { Audit, RepositoryRow } from "../../platform/store/index.ts";
import type { Stripe, WebhookSettings } from "../../platform/stripe/index.ts";
import type { Auth } from "../auth/index.ts";
import type { ServedMetrics } from "../metrics/index.ts";
import type { Callers } from "./callers.ts";
import type { Crowd } from "./crowd.ts";
import type { Gateway } from "./endpoints.ts";
import type { FileReader } from "./files.ts";
import type { GitDesk } from "./git-desk.ts";
import type { GitHealth } from "./git-health.ts";
import type { Reachable } from "./headers.ts";
import type { Limiter } from "./leases.ts";
import { defaultRules, type Rules } from "./limits.ts";
import type { Places } from "./places.ts";
import type { TouchedReader } from "./pulls/touched.ts";
import type { Components } from "./status/components.ts";

/** What the routes work with. Made once by main.ts; a test makes its own. */
export type Portal = {
  readonly sql: Pool;
  readonly vault: Vault;
  readonly observe: Observe;
  readonly metrics: Metrics;
  /** Begins the trace of a request, or goes on with its caller's. */
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly version: string;
  /** Where the ledger is: `pulumi up` elsewhere reaches its tenant's state there, with a login of its own. */
  readonly ledgerUrl: Secret;
  /** Where databases are reached; null where no gateway runs beside this portal. */
  readonly gateway: Gateway | null;
  /** How Git hosts are reached, and as whom. */
  readonly git: GitDesk;
  readonly gitHealth: GitHealth;
  /** How this process is. */
  readonly health: Health;
  /** How the parts of the platform are. */
  readonly components: Components;
  /** The portal's bot on a repository's Git host. */
  readonly hostOf: (repository: RepositoryRow) => GitHub;
  /** Where tenants' own secrets are. */
  readonly secrets: TenantSecrets;
  /** The keys behind the vault; a test that rotates none has none. */
  readonly keyring: Keyring | null;
  /** The one trail: requests are written by trail.ts, what is no request (a sign-in) by who does it. */
  readonly audit: Audit;
  /** What a pull request touches, cached by its head. */
  readonly touched: TouchedReader;
  /** The declarations an edit may read. */
  readonly files: FileReader;
  /** How people sign in; `auth.identity` knows their sessions. */
  readonly auth: Auth;
  /** Whom a credential spoke for a moment ago. */
  readonly callers: Callers;
  /** Accounts, and what they hold at this moment. */
  readonly directory: Directory;
  /** How databases are doing. */
  readonly figures: ServedMetrics;
  /** How often somebody may do something; counted for all portals together. */
  readonly limiter: Limiter;
  /** How much somebody does at this moment, here. */
  readonly crowd: Crowd;
  /** How much of a tenant's may be under way. */
  readonly places: Places;
  readonly reachable: Reachable;
  /** Aborted when the process is about to stop: it is not ready any more, and connections are not kept. */
  readonly draining: AbortSignal;
  /** Aborted when the process stops: streams end then. */
  readonly closing: AbortSignal;
  readonly limits: Limits;
  /** The payment service; null: this installation has none. */
  readonly payments: Payments | null;
  /** Tests hold every answer against its schema; in production the types have to do. */
  readonly checkAnswers: boolean;
};

export type Payments = {
  readonly stripe: Stripe;
  /** null: no webhook is taken, and the reconciler asks by itself. */
  readonly webhook: WebhookSettings | null;
  /** Where a customer comes back to from its page there. */
  readonly returnUrl: string;
};

export type Limits = {
  readonly bodyBytes: number;
  readonly urlBytes: number;
  /** Requests of one key that are worked on at a time. */
  readonly atOnce: number;
  /** Event streams that a user may hold open. */
  readonly streams: number;
  /** Operations of a tenant that have not ended. */
  readonly openOperations: number;
  readonly rules: Rules;
};

export const defaultLimits: Limits = {
  bodyBytes: 256 * 1024,
  urlBytes: 8 * 1024,
  atOnce: 64,
  streams: 32,
  openOperations: 100,
  rules: defaultRules,
};
