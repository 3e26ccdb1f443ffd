import type { BackupSettings } from "../../platform/backup/index.ts";
import {
  asNebulaError,
  type Observation,
  type ProblemDocument,
  type SpanRecord,
  toProblem,
} from "../../platform/core/index.ts";
import type { BranchOperations, DatabaseInputs } from "../../platform/provider/index.ts";
import type { DatabaseId, ProjectSpec } from "../../platform/spec/index.ts";
import type { JobLoan } from "./lend.ts";

/** What crosses between the deployer and its workers. Structured clones: plain values only; secrets in clear, over a pipe of ours. */
export type WorkerSettings = {
  readonly ledgerUrl: string;
  readonly loan: JobLoan;
  readonly dataDir: string;
  readonly pgBin: string;
  readonly pulumiBin: string;
  /** What instances are: servers of this machine, or (for measuring the control plane) records only. */
  readonly compute: "local" | "state";
  /** Where databases are backed up to; undefined: nowhere, and what declares backups gets none. */
  readonly backups?: BackupSettings | undefined;
  /** `host` or `host:port` inside the network that an import may ask, comma-separated. */
  readonly insideHosts: string;
  /** A folder of the worker's own; work dirs are made below it. */
  readonly scratchDir: string;
  /** The same, for what must be kept secret while a command runs. */
  readonly secretDir: string;
};

export type DeployJob = {
  readonly kind: "deploy";
  readonly stack: string;
  readonly fence: number;
  readonly commit: string | null;
  readonly spec: ProjectSpec;
  /** Of the passphrase that the state needs; null nearly always. */
  readonly salt: string | null;
  /** Ask the machines first: after a take-over the state may be behind them. */
  readonly refresh: boolean;
};

export type PreviewJob = {
  readonly kind: "preview";
  readonly stack: string;
  readonly spec: ProjectSpec;
  /** Pulumi's state of the stack, null when it was never deployed. The preview works on a copy. */
  readonly checkpoint: string | null;
  readonly salt: string | null;
};

export type ActVerb = "pause" | "resume" | "restart" | "rotate" | "heal" | "discard";

/** Something done to machines without Pulumi: the declaration does not change. */
export type ActJob = {
  readonly kind: "act";
  readonly verb: ActVerb;
  readonly stack: string;
  readonly fence: number;
  /** Ids. */
  readonly databases: readonly string[];
};

/** Something done to one branch; see `BranchOperations` of the provider. */
export type BranchJob = {
  readonly kind: "branch";
  readonly verb: keyof BranchOperations;
  readonly stack: string;
  readonly fence: number;
  readonly database: DatabaseId;
  /** What it is made of. */
  readonly source: DatabaseId;
  /** Of `open`: what is to be made. */
  readonly inputs: DatabaseInputs | null;
};

/** Copies a running Postgres into a database that has no tables yet. */
export type ImportJob = {
  readonly kind: "import";
  readonly stack: string;
  readonly fence: number;
  readonly database: DatabaseId;
  /** The source's address, sealed as a credential of the database. */
  readonly sealedUrl: string;
};

/** Takes a backup of a database, or restores it in place. */
export type BackupJob = {
  readonly kind: "backup";
  readonly verb: "take" | "restore";
  readonly stack: string;
  readonly fence: number;
  readonly database: DatabaseId;
  /** Whose repeat after a kill is to find it done. */
  readonly operation: string;
  readonly params: Readonly<Record<string, unknown>>;
};

/** Brings a database's schema to its files, runs SQL on a branch at once, or tells what was changed by hand. */
export type MigrateJob = {
  readonly kind: "migrate";
  readonly verb: "apply" | "direct" | "diff";
  readonly stack: string;
  readonly fence: number;
  readonly database: DatabaseId;
  readonly operation: string;
  readonly commit: string | null;
  /** Whose files they are. */
  readonly folder: string;
  readonly files: readonly { readonly file: string; readonly text: string; readonly path: string }[];
  /** Stops before the first that loses data. */
  readonly careful: boolean;
  /** Of `direct`. */
  readonly sql: string | null;
};

export type Job = DeployJob | PreviewJob | ActJob | BranchJob | ImportJob | BackupJob | MigrateJob;

export type PulumiStep = {
  readonly op: string;
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Property paths that differ. */
  readonly diffs: readonly string[];
};

/** Milliseconds: until the engine began, in the program and the engine, in the provider's effects, and after them. */
export type Phases = {
  readonly startMs: number;
  readonly engineMs: number;
  readonly providerMs: number;
  readonly finishMs: number;
};

export type PulumiOutcome = {
  /** The command ended well and the engine summed up. */
  readonly ok: boolean;
  readonly resourceChanges: Readonly<Record<string, number>>;
  readonly steps: readonly PulumiStep[];
  /** What the provider refused or failed at. */
  readonly faults: readonly ProblemDocument[];
  /** Error diagnostics of the engine, and the end of its error output. */
  readonly diagnostics: readonly string[];
  readonly phases: Phases;
  /** What Pulumi printed. */
  readonly text: string;
};

export type JobResult =
  | { readonly kind: "pulumi"; readonly outcome: PulumiOutcome }
  | {
      readonly kind: "acted";
      readonly faults: readonly ProblemDocument[];
      /** For the operation's result. */
      readonly about?: Readonly<Record<string, unknown>>;
    };

export type Progress = {
  readonly phase: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
};

export type ToWorker =
  | { readonly kind: "settings"; readonly settings: WorkerSettings }
  /** `traceparent`: what the job's spans hang below; absent: nothing is traced. */
  | {
      readonly kind: "job";
      readonly id: number;
      readonly job: Job;
      readonly loan: JobLoan;
      readonly traceparent?: string;
    }
  | { readonly kind: "interrupt" };

export type FromWorker =
  | { readonly kind: "warm" }
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "observation"; readonly observation: Observation }
  /** Of the job, or of what it did: the worker knows no receiver of traces. */
  | { readonly kind: "span"; readonly span: SpanRecord }
  | { readonly kind: "done"; readonly id: number; readonly result: JobResult }
  | { readonly kind: "failed"; readonly id: number; readonly error: ProblemDocument };

/** A fault for the way through the pipe: with its own words and whether trying again can help. */
export function toWireProblem(thrown: unknown): ProblemDocument {
  const error = asNebulaError(thrown);
  return { ...toProblem(error), detail: error.message, retry: error.retry };
}
