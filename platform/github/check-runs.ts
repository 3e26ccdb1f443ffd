import { createHash } from "node:crypto";
import { type Call, findOrMake, isFault, once, type Repository } from "./call.ts";
import { githubUnavailable } from "./errors.ts";
import { cut, longestBody, longestTitle } from "./text.ts";
import type { Annotation, CheckRunWanted } from "./types.ts";

/** As the host has it. */
type Run = { readonly id: number; readonly said: string; readonly annotations: number };

/** GitHub's limit of one request; updates of a run add to what is there. */
const annotationsACall = 50;
const mostRounds = 64;

/**
 * Brings the check run of a name on a commit to what is wanted, and no further.
 *
 * 1. What it says has a digest, which stands in `external_id`: a run that says it already is not written again.
 * 2. Annotations only add up. How many are there tells which batch comes next, so a batch whose answer was lost is not sent twice,
 *    and a run that has other annotations is not changed but followed by a newer one of the same name, as GitHub shows re-runs.
 */
export async function bringCheckRun(
  call: Call,
  repository: Repository,
  check: CheckRunWanted,
): Promise<{ readonly id: number }> {
  const said = digestOf(check);
  const find = () => findRun(call, repository, check);
  let run = await find();
  for (let round = 0; round < mostRounds; round++) {
    const isOurs = run?.said === said;
    if (run !== undefined && isOurs && run.annotations >= check.annotations.length) return { id: run.id };
    if (run === undefined || (!isOurs && run.annotations > 0)) run = await create(call, repository, check, said, find);
    else run = await update(call, repository, check, said, { ...run, annotations: isOurs ? run.annotations : 0 }, find);
  }
  throw githubUnavailable(`could not report check run ${check.name}: the host does not keep its annotations`);
}

/** The newest of this name; a run of another App is not ours to change and not shown here. */
function findRun(call: Call, repository: Repository, { name, sha }: CheckRunWanted): Promise<Run | undefined> {
  return call(`read check run ${name}`, async ({ rest }) => {
    const { data } = await rest.checks.listForRef({ ...repository, ref: sha, check_name: name, per_page: 1 });
    const [newest] = data.check_runs;
    return newest === undefined ? undefined : fromWire(newest);
  });
}

const create = (
  call: Call,
  repository: Repository,
  check: CheckRunWanted,
  said: string,
  find: () => Promise<Run | undefined>,
): Promise<Run> =>
  findOrMake(
    async () => {
      const found = await find();
      return found?.said === said ? found : undefined;
    },
    () =>
      call(`report check run ${check.name}`, async ({ rest }) => {
        const wanted = { ...repository, ...toWire(check, said, 0), head_sha: check.sha, request: once };
        return fromWire((await rest.checks.create(wanted)).data);
      }),
  );

/** One more batch. When its answer is lost, the run itself says whether it arrived. */
async function update(
  call: Call,
  repository: Repository,
  check: CheckRunWanted,
  said: string,
  { id, annotations }: Run,
  find: () => Promise<Run | undefined>,
): Promise<Run | undefined> {
  try {
    return await call(`report check run ${check.name}`, async ({ rest }) => {
      const wanted = { ...repository, ...toWire(check, said, annotations), check_run_id: id, request: once };
      return fromWire((await rest.checks.update(wanted)).data);
    });
  } catch (thrown) {
    if (!isFault(thrown, githubUnavailable)) throw thrown;
    const found = await find();
    if (found === undefined || (found.said === said && found.annotations > annotations)) return found;
    throw thrown;
  }
}

type Wire = {
  readonly id: number;
  readonly external_id: string | null;
  readonly output: { readonly annotations_count: number };
};
const fromWire = ({ id, external_id, output }: Wire): Run => ({
  id,
  said: external_id ?? "",
  annotations: output.annotations_count,
});

const digestOf = ({ name: _name, sha: _sha, ...says }: CheckRunWanted): string =>
  createHash("sha256").update(JSON.stringify(says)).digest("hex").slice(0, 32);

function toWire(check: CheckRunWanted, said: string, from: number) {
  const { name, state, title, summary, annotations, detailsUrl } = check;
  return {
    name,
    external_id: said,
    ...(detailsUrl === undefined ? {} : { details_url: detailsUrl }),
    ...(state.kind === "running"
      ? { status: "in_progress" as const }
      : { status: "completed" as const, conclusion: state.conclusion }),
    output: {
      title: cut(title, longestTitle),
      summary: cut(summary, longestBody),
      annotations: annotations.slice(from, from + annotationsACall).map(toWireAnnotation),
    },
  };
}

function toWireAnnotation(annotation: Annotation) {
  // Columns are only allowed where the annotation stays on one line.
  const columns =
    annotation.startLine === annotation.endLine && annotation.startColumn !== undefined
      ? { start_column: annotation.startColumn, end_column: annotation.endColumn ?? annotation.startColumn }
      : {};
  return {
    path: annotation.path,
    start_line: annotation.startLine,
    end_line: annotation.endLine,
    ...columns,
    annotation_level: annotation.level,
    title: cut(annotation.title, longestTitle),
    message: cut(annotation.message, longestBody),
  };
}
