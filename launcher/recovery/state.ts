/** `<backups>/state.json`: how far the continuous backup is, for `nebula status` and the reconciler's metric. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeWhole } from "../files.ts";

const schema = z.object({
  era: z.string().nullable(),
  baseAt: z.string().nullable(),
  /** Everything that was acknowledged before this moment can be brought back; null: nothing can yet. */
  recoverableAt: z.string().nullable(),
  receiving: z.boolean(),
  problem: z.string().nullable(),
  writtenAt: z.string(),
});

export type ArchiveState = z.infer<typeof schema>;

const fileOf = (backups: string) => join(backups, "state.json");

export const writeState = (backups: string, state: ArchiveState): void =>
  writeWhole(fileOf(backups), `${JSON.stringify(state)}\n`, 0o644);

export function readState(backups: string): ArchiveState | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(fileOf(backups), "utf8")));
  } catch {
    return undefined;
  }
}

/** Where the continuous backups go: NEBULA_BACKUPS, else beside the data; undefined where they are off. */
export function backupsFolder(dataRoot: string, env: NodeJS.ProcessEnv): string | undefined {
  if (env.NEBULA_BACKUPS === "off") return undefined;
  return env.NEBULA_BACKUPS || join(dataRoot, "backups");
}
