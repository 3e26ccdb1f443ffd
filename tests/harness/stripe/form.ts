/** Bodies as Stripe's libraries send them: `lines[0][amount]=5&metadata[a]=b` as nested values of text. */
export type Form = { readonly [name: string]: FormValue };
export type FormValue = string | readonly FormValue[] | Form;

export function parseForm(text: string): Form {
  const root: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(text)) put(root, name, value);
  return lists(root) as Form;
}

function put(root: Record<string, unknown>, name: string, value: string): void {
  const path = [name.split("[")[0] ?? "", ...[...name.matchAll(/\[([^\]]*)\]/g)].map(([, key]) => key ?? "")];
  let at = root;
  for (const [index, key] of path.entries()) {
    if (key === "__proto__") throw new Error("no");
    if (index === path.length - 1) at[key] = value;
    else {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
  }
}

/** What has nothing but numbers for keys is a list. */
function lists(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, lists(inner)] as const);
  const isList = entries.length > 0 && entries.every(([key]) => /^\d+$/.test(key));
  return isList
    ? entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, inner]) => inner)
    : Object.fromEntries(entries);
}

export const text = (form: Form, name: string): string | undefined => {
  const value = form[name];
  return typeof value === "string" ? value : undefined;
};
export const record = (form: Form, name: string): Readonly<Record<string, string>> => {
  const value = form[name];
  return typeof value === "object" && !Array.isArray(value) ? (value as Record<string, string>) : {};
};
export const list = (form: Form, name: string): readonly Form[] => {
  const value = form[name];
  return Array.isArray(value) ? (value as Form[]) : [];
};
