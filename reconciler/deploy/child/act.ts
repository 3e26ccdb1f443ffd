import type { ProblemDocument } from "../../../platform/core/index.ts";
import type { DatabaseId } from "../../../platform/spec/index.ts";
import { type ActJob, type JobResult, toWireProblem } from "../messages.ts";
import type { Tools } from "./worker.ts";

/** Does a verb to each database, as far as it gets: one that fails does not keep the others from it. */
export async function act({ direct }: Tools, { verb, stack, fence, databases }: ActJob): Promise<JobResult> {
  const machine = direct.operate({ stack, fence, commit: null });
  const faults: ProblemDocument[] = [];
  for (const id of databases) {
    try {
      await machine[verb](id as DatabaseId);
    } catch (thrown) {
      faults.push({ ...toWireProblem(thrown), database: id });
    }
  }
  return { kind: "acted", faults };
}
