import type { Request } from "express";
import type { NebulaError } from "../../platform/core/index.ts";
import { homeOf, type Principal, type Target } from "../../platform/identity/index.ts";
import type { NewAuditLog } from "../../platform/store/index.ts";
import { addressOf } from "./address.ts";
import type { Portal } from "./portal.ts";
import { type Answer, type AnyRoute, isChange, type Trail } from "./route.ts";

/**
 * The audit line of a request: every change and every read of a secret, also when it was refused. It is written before the
 * answer leaves; when it cannot be written the request fails, for what nobody can see did not happen properly.
 */
export type RequestTrail = {
  accepted(answer: Answer): Promise<void>;
  refused(error: NebulaError): Promise<void>;
  /** What is worth knowing of the request, however it ends. */
  note(trail: Trail): void;
};

export function makeTrail(
  entry: AnyRoute,
  principal: Principal,
  target: Target | null,
  request: Request,
  portal: Portal,
): RequestTrail {
  if (!(isChange(entry) || entry.audited)) return silent;
  // On a public route strangers would fill the audit: it holds what the handler found worth a line.
  const isPublic = entry.scope === "public";
  let noted: Trail | undefined;
  const home = homeOf(principal);
  const write = (part: Partial<NewAuditLog> & Pick<NewAuditLog, "result">) =>
    portal.audit.append({
      people: peopleIn(request.params.user, part.details?.user),
      actor: isPublic ? "anonymous" : principal.user,
      actorId: principal.id,
      action: entry.operationId,
      resource: Object.values(request.params).join("/"),
      // Somebody else's tenant in a path is not that tenant's audit: it stays with who asked.
      tenant: target?.tenant ?? home.tenant,
      project: target?.project ?? home.project,
      address: addressOf(request),
      userAgent: request.get("user-agent")?.slice(0, 200) ?? null,
      details: {},
      operation: null,
      commit: null,
      ...part,
    });
  return {
    note(trail) {
      noted = { ...noted, ...trail };
    },
    accepted: async ({ trail = noted }) => {
      if (isPublic && trail === undefined) return;
      await write({ result: "accepted", ...noted, ...trail });
    },
    refused: async (error) => {
      if (isPublic && noted === undefined) return;
      const result = error.status >= 500 ? "failed" : "refused";
      const reach = error.status === 404 ? home : {};
      // The error that caused this must reach the caller, also when the ledger is what is broken.
      const details = { ...noted?.details, code: error.code };
      await write({ result, ...noted, details, ...reach }).catch(() => undefined);
    },
  };
}

const silent: RequestTrail = { accepted: async () => undefined, refused: async () => undefined, note: () => undefined };

/** Whom a line speaks of, by a name that is no e-mail: those are seen anyway. */
const peopleIn = (...named: readonly unknown[]): string[] => named.filter((one) => typeof one === "string");
