import type { DatabaseId, DatabaseSpec, ProjectSpec } from "../spec/index.ts";

/** As the resource class sends them (platform/components). */
export type DatabaseInputs = Pick<ProjectSpec, "tenant" | "project" | "placement" | "region"> & DatabaseSpec;

/** What the world became. Never a secret. */
export type DatabaseOutputs = {
  /** Where the gateway finds it, on its machine; clients are told the gateway. */
  readonly host: string;
  readonly database: string;
  readonly owner: string;
  /** Where the sealed password of the owner stands in the ledger. */
  readonly credentialRef: string;
};

/** What a refresh sees: the outputs, and those inputs that the machine itself shows. */
export type DatabaseRead = {
  readonly outputs: DatabaseOutputs;
  readonly seen: { readonly units: number; readonly storageBytes: number; readonly retired: boolean };
};

/**
 * How the provider touches the world: `direct` in a process of the reconciler, `queued` from a `pulumi up` elsewhere.
 * Every verb is idempotent: after a kill it is repeated.
 */
export type Effects = {
  /**
   * Whether these extensions, which the database does not have yet, can be had here. Asked before anything is changed, by a
   * preview too, so that a review refuses what a deployment could not do. @throws NEB351 naming what there is.
   */
  admit(id: DatabaseId, extensions: readonly string[]): Promise<void>;
  /** Makes the database what the inputs say, whether it exists or not. */
  ensure(inputs: DatabaseInputs, verb: "create" | "update"): Promise<DatabaseOutputs>;
  read(id: DatabaseId): Promise<DatabaseRead | undefined>;
  /** @throws NEB320 unless it is retired on the machine. */
  remove(id: DatabaseId): Promise<void>;
};
