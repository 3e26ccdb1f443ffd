import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { emptyCheckpoint } from "../checkpoint.ts";
import type { PreviewJob } from "../messages.ts";

/** A copy of the stack's state in a folder, for a preview. */
export async function previewStore(workDir: string, { stack, checkpoint }: PreviewJob): Promise<string> {
  const state = join(workDir, ".state");
  const stacks = join(state, ".pulumi", "stacks", "nebuladb");
  await mkdir(stacks, { recursive: true });
  await writeFile(join(state, ".pulumi", "meta.yaml"), "version: 1\n");
  await writeFile(join(stacks, `${stack}.json`), checkpoint ?? emptyCheckpoint(stack));
  return `file://${state}`;
}
