import pLimit from "p-limit";
import { asNebulaError } from "../../platform/core/index.ts";
import type { ProjectSpec, StackName } from "../../platform/spec/index.ts";
import { previewFailed } from "./errors.ts";
import type { Preview, ProjectReview } from "./types.ts";

/** Asks Pulumi what it would do to a stack. reconciler/deploy implements it. */
export type Previewer = (
  wanted: { readonly stack: StackName; readonly spec: ProjectSpec },
  signal: AbortSignal,
) => Promise<{ readonly summary: string; readonly text: string }>;

/** A preview costs about a second of a processor: a change of very many projects shows the first ones. */
const most = 5;
const parallel = 2;

/** Runs the pending previews; one that fails is a finding, not a fault. */
export async function runPreviews(
  preview: Previewer,
  projects: readonly ProjectReview[],
  specs: ReadonlyMap<StackName, ProjectSpec>,
  signal: AbortSignal,
): Promise<readonly ProjectReview[]> {
  const limit = pLimit(parallel);
  const waiting = projects.filter((project) => project.preview.kind === "pending");
  const chosen = new Set(waiting.slice(0, most).map(({ stack }) => stack));
  const tooMany: Preview = {
    kind: "skipped",
    reason: `only the first ${most} of ${waiting.length} stacks are previewed`,
  };
  return Promise.all(
    projects.map(async (project) => {
      if (project.preview.kind !== "pending") return project;
      const spec = specs.get(project.stack);
      if (spec === undefined || !chosen.has(project.stack)) return { ...project, preview: tooMany };
      return { ...project, preview: await limit(() => runOne(preview, project.stack, spec, signal)) };
    }),
  );
}

async function runOne(preview: Previewer, stack: StackName, spec: ProjectSpec, signal: AbortSignal): Promise<Preview> {
  try {
    signal.throwIfAborted();
    return { kind: "done", ...(await untilAborted(preview({ stack, spec }, signal), signal)) };
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    const { code, message } = asNebulaError(thrown);
    return { kind: "failed", code: code === "NEB900" ? previewFailed.definition.code : code, message };
  }
}

/** A newer push does not wait for a preview that is slow to stop. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
