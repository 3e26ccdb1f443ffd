/** Whether a platform runs: its supervisor holds the lock and has written what it serves. */
import { join } from "node:path";
import type { DataFolder } from "./data-folder.ts";
import { lockOwner } from "./lock.ts";
import { type PlatformFile, readPlatform } from "./platform-file.ts";
import type { ProcessId } from "./processes.ts";

/** Held by the supervisor for as long as it lives, and by `down` while it clears up. */
export const lockPath = (folder: DataFolder): string => join(folder.run, "supervisor.lock");

export type RunningPlatform = { readonly platform: PlatformFile; readonly supervisor: ProcessId };

export function findRunning(folder: DataFolder): RunningPlatform | undefined {
  const supervisor = lockOwner(lockPath(folder));
  const platform = supervisor && readPlatform(folder);
  return platform && { platform, supervisor };
}
