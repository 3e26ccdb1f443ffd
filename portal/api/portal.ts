import type { Clock, Metrics, Observe, Secret, Vault } from "../../platform/core/index.ts";
import type { GitHub } from "../../platform/github/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import type { RepositoryRow } from "../../platform/store/index.ts";
import type { FileReader } from "./files.ts";
import type { TouchedReader } from "./pulls/touched.ts";

/** What the routes work with. Made once by main.ts; a test makes its own. */
export type Portal = {
  readonly sql: Pool;
  readonly vault: Vault;
  readonly observe: Observe;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly version: string;
  /** Where the ledger is: `pulumi up` elsewhere reaches its tenant's state there, with a login of its own. */
  readonly ledgerUrl: Secret;
  /** The portal's bot on a repository's Git host. */
  readonly hostOf: (repository: RepositoryRow) => GitHub;
  /** What a pull request touches, cached by its head. */
  readonly touched: TouchedReader;
  /** The declarations an edit may read. */
  readonly files: FileReader;
  /** Aborted when the process stops: streams end then. */
  readonly closing: AbortSignal;
  readonly limits: Limits;
  /** Tests hold every answer against its schema; in production the types have to do. */
  readonly checkAnswers: boolean;
};

export type Limits = {
  readonly bodyBytes: number;
  /** Requests a principal may make in `windowSeconds`. */
  readonly requests: number;
  /** Tokens that an address may get wrong in `windowSeconds`. */
  readonly failures: number;
  readonly windowSeconds: number;
};

export const defaultLimits: Limits = { bodyBytes: 256 * 1024, requests: 1200, failures: 60, windowSeconds: 60 };
