import { type Principal, reaches, type Target } from "../../platform/identity/index.ts";
import { notFound } from "./errors.ts";

type Asked = { readonly domain?: string | undefined; readonly project?: string | undefined };

/**
 * What a list may show: what was asked for, inside what the principal reaches.
 * @throws NEB602 when it asks for another tenant's or project's things.
 */
export function narrowTo(principal: Principal, { domain, project }: Asked): Target {
  const tenant = domain ?? principal.tenant;
  const inside = { tenant, project: project ?? principal.project };
  if (!reaches(principal, inside)) throw notFound(`there is no ${[domain, project].filter(Boolean).join("/")} here`);
  return inside;
}

/** @throws NEB602 when the thing is not the principal's to see. */
export function demand(principal: Principal, target: Target, what: string): void {
  if (!reaches(principal, target)) throw notFound(`there is no ${what} here`);
}
