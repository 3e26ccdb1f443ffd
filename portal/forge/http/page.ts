import type { Answer, Call } from "./route.ts";

export type Page = { readonly number: number; readonly size: number; readonly offset: number };

/** `page` and `per_page` as GitHub reads them: 30 by default, 100 at most, nonsense is the default. */
export function pageOf(call: Call, defaultSize = 30): Page {
  const read = (name: string, fallback: number) => {
    const text = call.query.get(name) ?? "";
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : fallback;
    return value < 1 ? fallback : value;
  };
  const number = read("page", 1);
  const size = Math.min(read("per_page", defaultSize), 100);
  return { number, size, offset: (number - 1) * size };
}

/** A page of something whose total is known. `wrap` puts the items into the object that some lists are. */
export function pageAnswer(items: unknown, page: Page, total: number): Answer {
  const last = Math.max(1, Math.ceil(total / page.size));
  return { body: items, page: { hasNext: page.number < last, last } };
}

/** A page cut from a list that is already in memory. */
export function slicePage<T>(items: readonly T[], page: Page): readonly T[] {
  return items.slice(page.offset, page.offset + page.size);
}

/** The Link header of an answer, absent when everything fits on one page. */
export function linkHeader(url: URL, answer: Answer): string | undefined {
  if (answer.page === undefined) return undefined;
  const { hasNext, last, nextCursor } = answer.page;
  const to = (changes: Record<string, string>) => {
    const target = new URL(url);
    for (const [name, value] of Object.entries(changes)) target.searchParams.set(name, value);
    return target.href;
  };
  if (nextCursor !== undefined) return `<${to({ cursor: nextCursor })}>; rel="next"`;
  const current = Number(url.searchParams.get("page") ?? "1") || 1;
  const links: string[] = [];
  if (current > 1) links.push(`<${to({ page: String(current - 1) })}>; rel="prev"`);
  if (hasNext) links.push(`<${to({ page: String(current + 1) })}>; rel="next"`);
  if (hasNext && last !== undefined) links.push(`<${to({ page: String(last) })}>; rel="last"`);
  if (current > 1) links.push(`<${to({ page: "1" })}>; rel="first"`);
  return links.length === 0 ? undefined : links.join(", ");
}
