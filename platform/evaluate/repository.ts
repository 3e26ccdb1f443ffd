import type { DeclarationProblem, StackName } from "../spec/index.ts";
import { emptyRepository, problemAt, topOf } from "./errors.ts";
import type { Evaluator, FileSet } from "./evaluator.ts";
import { type Entry, type Inputs, type ProjectInputs, repositoryInputs } from "./inputs.ts";
import { pathProblems } from "./layout.ts";
import type { Evaluated, EvaluatedFleet, EvaluatedTenant } from "./protocol.ts";

/** A whole revision, evaluated. */
export type EvaluatedRepository = {
  readonly projects: ReadonlyMap<StackName, ProjectInputs & { readonly evaluated: Evaluated }>;
  readonly tenants: ReadonlyMap<string, Inputs & { readonly evaluated: EvaluatedTenant }>;
  /** null when the repository has no `tenants/fleet/`: the fleet is declared elsewhere, or not yet. */
  readonly fleet: (Inputs & { readonly evaluated: EvaluatedFleet }) | null;
  /** Projects whose inputs differ from the revision evaluated before; all of them the first time. */
  readonly changed: readonly StackName[];
  /** What is wrong with the repository as such: no declarations at all, twins, links, submodules. */
  readonly problems: readonly DeclarationProblem[];
};

export type RepositoryEvaluator = {
  /**
   * Evaluates a revision. Work is in proportion to what changed since the last call: what has the same tree hash is kept.
   * `read` is asked once for each changed project, tenant or fleet, for the texts of the blobs by hash.
   */
  readonly evaluate: (entries: readonly Entry[], read: ReadBlobs) => Promise<EvaluatedRepository>;
};

export type ReadBlobs = (hashes: readonly string[]) => Promise<ReadonlyMap<string, string>>;

/** So many evaluations are asked for at once: enough to keep the children busy, few enough for a review to come in between. */
const waiting = 3;

export function makeRepositoryEvaluator(evaluator: Evaluator): RepositoryEvaluator {
  let previous: Pick<EvaluatedRepository, "projects" | "tenants" | "fleet"> = {
    projects: new Map(),
    tenants: new Map(),
    fleet: null,
  };

  return {
    evaluate: async (entries, read) => {
      const inputs = repositoryInputs(entries);
      const projects = await evaluateEach(inputs.projects, previous.projects, read, (files, { tenant, project }) =>
        evaluator.project(files, tenant, project),
      );
      const tenants = await evaluateEach(inputs.tenants, previous.tenants, read, (files, _, name) =>
        evaluator.tenant(files, name),
      );
      const fleetOf = (it: Inputs | null) => new Map(it === null ? [] : [["fleet", it]]);
      const fleets = await evaluateEach(fleetOf(inputs.fleet), fleetOf(previous.fleet), read, (files) =>
        evaluator.fleet(files),
      );
      const changed = [...projects].filter(([stack, now]) => previous.projects.get(stack)?.treeHash !== now.treeHash);
      previous = { projects, tenants, fleet: fleets.get("fleet") ?? null };
      return { ...previous, changed: changed.map(([stack]) => stack), problems: problemsOf(entries, projects.size) };
    },
  };
}

type Known<T> = Inputs & { readonly evaluated?: T };

/** Keeps what has the same hash and evaluates the rest, a few at a time, in order. */
async function evaluateEach<Key extends string, I extends Inputs, T>(
  wanted: ReadonlyMap<Key, I>,
  before: ReadonlyMap<Key, Known<T>>,
  read: ReadBlobs,
  evaluate: (files: FileSet, inputs: I, key: Key) => Promise<T>,
): Promise<Map<Key, I & { readonly evaluated: T }>> {
  const results = new Map<Key, I & { readonly evaluated: T }>();
  const fresh: (readonly [Key, I])[] = [];
  for (const [key, inputs] of wanted) {
    const known = before.get(key);
    if (known?.evaluated !== undefined && known.treeHash === inputs.treeHash)
      results.set(key, { ...inputs, evaluated: known.evaluated });
    else fresh.push([key, inputs]);
  }
  const next = fresh.values();
  const lane = async () => {
    for (const [key, inputs] of next)
      results.set(key, { ...inputs, evaluated: await evaluate(await readFiles(inputs, read), inputs, key) });
  };
  await Promise.all(Array.from({ length: waiting }, lane));
  return results;
}

async function readFiles({ files }: Inputs, read: ReadBlobs): Promise<FileSet> {
  const plain = files.filter(({ mode }) => mode === undefined || mode.startsWith("100"));
  const texts = await read(plain.map(({ hash }) => hash));
  return new Map(plain.map(({ path, hash }) => [path, texts.get(hash) ?? ""]));
}

function problemsOf(entries: readonly Entry[], projects: number): DeclarationProblem[] {
  const modes = new Map(entries.flatMap(({ path, mode }) => (mode === undefined ? [] : [[path, mode]])));
  const empty =
    projects === 0 ? [problemAt(emptyRepository, topOf("tenants"), "the repository declares no project")] : [];
  return [
    ...empty,
    ...pathProblems(
      entries.map(({ path }) => path),
      modes,
    ),
  ];
}
