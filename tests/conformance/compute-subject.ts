import type { ComputeDriver, InstanceWanted } from "../../platform/compute/index.ts";
import type { Secret } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";

export type Subject = {
  readonly driver: ComputeDriver;
  wish(changes?: Partial<InstanceWanted>): Promise<InstanceWanted>;
  asTenant<T>(
    wanted: InstanceWanted,
    body: (sql: Sql) => Promise<T>,
    login?: { user?: string; password?: Secret; database?: string },
  ): Promise<T>;
  /** Ends the running server as a crash would. */
  crash(wanted: InstanceWanted): Promise<void>;
  clear(): Promise<void>;
};

/** What the parts of the suite share. `subject` is there once the tests run. */
export type ComputeGround = {
  readonly subject: Subject;
  /** Of the table `kept`, in their order. */
  rowsOf(wanted: InstanceWanted): Promise<number[]>;
  /** An instance with a table `kept` that holds 1 and 2. */
  makeKept(changes?: Partial<InstanceWanted>): Promise<InstanceWanted>;
};
