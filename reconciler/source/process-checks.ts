import { type Check, programCheck, roomCheck } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { standbysCheck } from "../../platform/store/index.ts";

/** What a reconciler can do without, and says when it is missing. What it needs is looked at by `makeWeb`. */
export const processChecks = (process: {
  readonly sql: Sql;
  readonly dataDir: string;
  readonly pulumiBin: string;
  readonly leastFreePercent: number;
}): readonly Check[] => [
  programCheck("pulumi", process.pulumiBin),
  roomCheck(process.dataDir, process.leastFreePercent),
  standbysCheck(process.sql),
];
