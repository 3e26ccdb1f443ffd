import type { Request, RequestHandler } from "express";
import { crossSite } from "./errors.ts";
import type { Reachable } from "./headers.ts";

/**
 * Against forged requests: a browser sends a session's cookie along with whatever another site's page makes it send, so a change
 * that is not signed by an Authorization header must come from a page of ours.
 *
 * 1. What browsers say of a request's origin (Sec-Fetch-Site, Origin) is believed: no page can set either.
 * 2. A request with a cookie that says neither is refused: every browser that keeps SameSite cookies says one of them.
 * 3. Sign-in is held to it too, so that nobody is signed in as somebody else.
 */
export const sameOrigin =
  ({ origins }: Pick<Reachable, "origins">): RequestHandler =>
  (request, _response, next) => {
    if (isSafe(request) || request.headers.authorization !== undefined || isOurs(request, origins)) return next();
    throw crossSite(`a ${request.method} with a cookie must come from a page of this origin`);
  };

const isSafe = ({ method }: Request): boolean => method === "GET" || method === "HEAD" || method === "OPTIONS";

function isOurs(request: Request, origins: readonly string[]): boolean {
  const { origin, cookie } = request.headers;
  const site = request.headers["sec-fetch-site"];
  if (origin !== undefined && origins.includes(origin)) return true;
  if (site !== undefined) return site === "same-origin" || site === "none";
  if (origin !== undefined) return URL.parse(origin)?.host === request.headers.host;
  return cookie === undefined;
}
