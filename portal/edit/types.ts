/** Repository-relative path to text. */
export type FileSet = ReadonlyMap<string, string>;

/** Which project of which tenant, and what the portal knows about it. */
export type ProjectPlace = {
  readonly tenant: string;
  readonly project: string;
  /**
   * Whether the files hold every project of the tenant. Without it, a constant outside the project's folder counts as used by
   * others.
   */
  readonly wholeTenant?: boolean;
};
export type DatabasePlace = ProjectPlace & { readonly name: string };

/** What to commit: the new text of each changed file; null removes it. Empty: it says that already. */
export type FileEdits = { readonly changes: readonly { readonly path: string; readonly content: string | null }[] };

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A JSON merge patch (RFC 7396) of declared options: objects merge, null removes, a list replaces the list as a set. */
export type OptionsPatch = { readonly [option: string]: Json };

export const projectFolder = ({ tenant, project }: ProjectPlace): string => `tenants/${tenant}/${project}`;
export const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
