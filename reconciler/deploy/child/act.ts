import type { ProblemDocument } from "../../../platform/core/index.ts";
import type { DatabaseId } from "../../../platform/spec/index.ts";
import { type ActJob, type BranchJob, type JobResult, toWireProblem } from "../messages.ts";
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

/** Does a verb to one branch. */
export async function actOnBranch({ direct }: Tools, job: BranchJob): Promise<JobResult> {
  const { verb, stack, fence, database, inputs } = job;
  const branches = direct.branches({ stack, fence, commit: null });
  try {
    if (verb === "open") {
      if (inputs !== null) await branches.open(inputs);
    } else await branches[verb](database);
    return { kind: "acted", faults: [] };
  } catch (thrown) {
    return { kind: "acted", faults: [{ ...toWireProblem(thrown), database }] };
  }
}
