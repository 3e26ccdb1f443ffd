/*
 * Runs inside the sandbox, in front of a declaration. It takes away what would make two evaluations differ, and reads the
 * result afterwards with intrinsics that it kept from before, so that a program that changes them only fools itself.
 * Stripped of its types it is loaded as the module `nebula:sandbox`; the main module alone may import it.
 */
const { isArray } = Array;
const { create, keys, defineProperty } = Object;
const { isFinite: finite } = Number;
const { stringify } = JSON;
const kept = Error;

const mostNodes = 50_000;
const mostText = 512 * 1024;
const mostDepth = 24;

function refuse(what: string): never {
  const error = new kept(`${what} is not there while a declaration is evaluated`);
  defineProperty(error, "name", { value: "Nondeterministic" });
  throw error;
}

const clock = function noDate(): never {
  return refuse("Date");
};
for (const name of ["now", "parse", "UTC"]) defineProperty(clock, name, { value: () => refuse("Date") });
defineProperty(globalThis, "Date", { value: clock });
defineProperty(Math, "random", { value: () => refuse("Math.random") });

type Strange = { readonly path: (string | number)[]; readonly what: string };
type Budget = { nodes: number; text: number };

/** What a module exports as its default, as JSON: `{ declared: [...] | null, many }`. */
export function snapshot(module: Record<string, unknown>): string {
  const budget: Budget = { nodes: mostNodes, text: mostText };
  let exported = false;
  for (const key of keys(module)) if (key === "default") exported = true;
  const value = exported ? module.default : undefined;
  const many = isArray(value);
  const declared: unknown[] = [];
  if (many) for (let i = 0; i < value.length; i += 1) declared[i] = declaration(value[i], budget);
  else if (exported) declared[0] = declaration(value, budget);
  return stringify({ declared: exported ? declared : null, many });
}

function declaration(value: unknown, budget: Budget): unknown {
  const strange: Strange[] = [];
  const taken = create(null);
  if (typeof value === "object" && value !== null) {
    const it = value as Record<string, unknown>;
    for (const key of ["kind", "engine", "name", "options", "at"])
      taken[key] = plain(it[key], [], key === "options" ? strange : [], budget, 0);
  } else taken.is = value === null ? "null" : typeof value;
  taken.strange = strange;
  return taken;
}

function plain(value: unknown, path: (string | number)[], strange: Strange[], budget: Budget, depth: number): unknown {
  budget.nodes -= 1;
  if (typeof value === "string") budget.text -= value.length;
  if (budget.nodes < 0 || budget.text < 0 || depth > mostDepth) tooLarge();
  if (value === null || typeof value === "boolean" || typeof value === "string" || value === undefined) return value;
  if (typeof value === "number" && finite(value)) return value;
  if (typeof value !== "object") {
    strange[strange.length] = { path, what: typeof value === "number" ? `${value}` : `a ${typeof value}` };
    return null;
  }
  if (isArray(value)) {
    const list: unknown[] = [];
    for (let i = 0; i < value.length; i += 1)
      list[i] = plain(value[i] ?? null, [...path, i], strange, budget, depth + 1);
    return list;
  }
  const members = create(null);
  for (const key of keys(value)) {
    budget.text -= key.length;
    members[key] = plain((value as Record<string, unknown>)[key], [...path, key], strange, budget, depth + 1);
  }
  return members;
}

function tooLarge(): never {
  const error = new kept("the exported declaration is too large, too deep, or contains itself");
  defineProperty(error, "name", { value: "TooLarge" });
  throw error;
}
