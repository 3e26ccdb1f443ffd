import {
  type FleetSpec,
  fleetKinds,
  resolveFleet,
  resolveFleetPart,
  resolveTenant,
  type TenantSpec,
} from "../../spec/index.ts";
import { fleetIncomplete, noTenantFile, notADeclaration, problemAt, topOf } from "../errors.ts";
import { pathProblems } from "../layout.ts";
import { placeProblems } from "./places.ts";
import { type Recorded, runFile } from "./run-file.ts";
import type { Workspace } from "./workspace.ts";

/** `tenant.ts`. undefined when the workspace got problems. */
export async function evaluateTenant(workspace: Workspace, tenant: string): Promise<TenantSpec | undefined> {
  const { files, problems } = workspace;
  const file = `tenants/${tenant}/tenant.ts`;
  problems.push(...pathProblems(files.keys()));
  if (!files.has(file)) {
    problems.push(problemAt(noTenantFile, topOf(file), `the tenant ${tenant} has no tenant.ts`));
    return undefined;
  }
  const result = await runFile(workspace, file);
  const [declared] = result?.declared ?? [];
  if (result === undefined) return undefined;
  if (result.many || declared?.kind !== "tenant") {
    problems.push(
      problemAt(
        notADeclaration,
        declared?.at ?? topOf(file),
        "tenant.ts must export one tenant",
        'Write: export default tenant({ displayName: "..." });',
      ),
    );
    return undefined;
  }
  const resolved = resolveTenant(tenant, declared.options);
  if (resolved.kind === "invalid")
    problems.push(...placeProblems(files, { name: null, at: declared.at }, resolved.problems));
  return problems.length === 0 && resolved.kind === "ok" ? resolved.spec : undefined;
}

type FleetKind = (typeof fleetKinds)[number];

/** Every file of `tenants/fleet/`; each kind must be declared exactly once. */
export async function evaluateFleet(workspace: Workspace): Promise<FleetSpec | undefined> {
  const { files, problems } = workspace;
  problems.push(...pathProblems(files.keys()));
  const parts = new Map<FleetKind, Recorded>();
  for (const file of [...files.keys()].filter(declares).sort()) {
    const result = await runFile(workspace, file);
    if (workspace.broken) return undefined;
    for (const one of result?.declared ?? []) takePart(workspace, parts, one);
  }
  for (const kind of fleetKinds) {
    const part = parts.get(kind);
    if (part === undefined) {
      if (problems.length === 0 || ![...files.keys()].some(declares))
        problems.push(
          problemAt(fleetIncomplete, topOf(`tenants/fleet/${kind}.ts`), `tenants/fleet/ declares no ${kind}`),
        );
      continue;
    }
    const resolved = resolveFleetPart(kind, part.options);
    if (resolved.kind === "invalid")
      problems.push(...placeProblems(files, { name: null, at: part.at }, resolved.problems));
  }
  if (problems.length > 0) return undefined;
  const declared = Object.fromEntries([...parts].map(([kind, { options }]) => [kind, options]));
  const fleet = resolveFleet(declared as Record<FleetKind, unknown>);
  if (fleet.kind === "ok") return fleet.spec;
  // Each part is valid by itself: what is left is between the prices and the plans, and stands in the prices.
  const at = parts.get("prices")?.at ?? topOf("tenants/fleet/prices.ts");
  problems.push(...placeProblems(files, { name: null, at }, fleet.problems));
  return undefined;
}

const declares = (path: string): boolean => /^tenants\/fleet\/[^/]+\.ts$/.test(path) && !path.endsWith(".d.ts");

function takePart({ problems }: Workspace, parts: Map<FleetKind, Recorded>, one: Recorded): void {
  const kind = fleetKinds.find((known) => known === one.kind);
  const twin = kind === undefined ? undefined : parts.get(kind);
  if (kind === undefined)
    problems.push(problemAt(notADeclaration, one.at, "the fleet declares quotas, prices, policies and providers only"));
  else if (twin !== undefined)
    problems.push(
      problemAt(
        fleetIncomplete,
        one.at,
        `${kind} are declared in ${twin.at.file}:${twin.at.line} as well`,
        "Keep one of them.",
      ),
    );
  else parts.set(kind, one);
}
