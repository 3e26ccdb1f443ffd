import { formatMoney } from "../../platform/pricing/index.ts";
import { headlineOf, moneyLine, quotaLine, riskLine } from "./headline.ts";
import { block, code, details, plain, prose, table } from "./markdown.ts";
import { renderMigrations } from "./migration-text.ts";
import { planRows, policyRows, priceRows, quotaRows, startsToServe } from "./rows.ts";
import type { Note, Preview, Problem, ProjectReview, Review } from "./types.ts";

/** Finds the one comment again. Never shown. */
export const commentMarker = "<!-- nebuladb:review -->";

/** How much of each list is shown; the next smaller one is taken until the whole fits into what a Git host accepts. */
type Limits = { readonly projects: number; readonly problems: number; readonly rows: number; readonly preview: number };
const sizes: readonly Limits[] = [
  { projects: 25, problems: 20, rows: 60, preview: 12_000 },
  { projects: 10, problems: 10, rows: 25, preview: 2_000 },
  { projects: 5, problems: 5, rows: 5, preview: 500 },
];
const longestComment = 60_000;

/**
 * The sticky comment. The first lines hold what a reviewer decides by: verdict, risk, money, quota; then what is wrong, then
 * what will be done; everything else is folded away. Pure: the same review is the same text.
 */
export function renderComment(review: Review): string {
  for (const limits of sizes) {
    const text = render(review, limits);
    if (text.length <= longestComment) return text;
  }
  return render({ ...review, problems: [], projects: [] }, sizes[0] as Limits).slice(0, longestComment);
}

function render(review: Review, limits: Limits): string {
  const sections = [
    `${commentMarker}\n## ${plain(headlineOf(review))}`,
    [riskLine(review), moneyLine(review), quotaLine(review)].filter((line) => line !== "").join("\n"),
    renderNotes(review.notes),
    renderProblems(review.problems, limits),
    ...review.projects.slice(0, limits.projects).map((project) => renderProject(project, limits)),
    andMore(review.projects.length - limits.projects, "projects"),
    renderFooter(review),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function renderNotes(notes: readonly Note[]): string {
  return notes
    .map(({ severity, code: id, message, hint, paths }) => {
      const listed =
        paths.slice(0, 10).map(code).join(", ") + (paths.length > 10 ? ` and ${paths.length - 10} more` : "");
      const lines = [`${severity === "error" ? "❌" : "⚠️"} **${id}** ${prose(message)}`, listed, prose(hint)];
      return lines
        .filter((line) => line !== "")
        .map((line) => `> ${line}`)
        .join("  \n");
    })
    .join("\n\n");
}

const andMore = (count: number, what: string): string => (count > 0 ? `…and ${count} more ${what}.` : "");

function renderProblems(problems: readonly Problem[], limits: Limits): string {
  if (problems.length === 0) return "";
  const shown = problems.slice(0, limits.problems).map(renderProblem);
  return [
    `### ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}`,
    ...shown,
    andMore(problems.length - shown.length, "problems; the check run has all"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function renderProblem({ file, line, column, code: id, message, hint, frame }: Problem): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  const lines = [`**${id}** ${code(place)}  `, prose(message)];
  if (hint !== "") lines.push(`_${prose(hint)}_`);
  return [lines.join("\n"), ...(frame === null ? [] : [block(frame, "text")])].join("\n\n");
}

function renderProject(project: ProjectReview, limits: Limits): string {
  const title = `### ${code(project.stack)}${{ added: " · new", removed: " · removed", changed: "", same: "", broken: "" }[project.kind]}`;
  if (project.kind === "broken")
    return `${title}\n\nIts declaration does not evaluate: nothing of it would be deployed.`;
  if (project.kind === "same") return `${title}\n\nThe text changes, what it declares does not.`;
  const folded = [renderMoney(project, limits), renderQuota(project), renderPreview(project.preview, limits)];
  return [
    title,
    table(["", "Database", "What", "Why", "Risk"], "lllll", planRows(project, limits.rows)),
    table(["", "Policy", "What to do"], "lll", policyRows(project, limits.rows)),
    renderBranches(project),
    renderMigrations(project.migrations ?? [], limits.rows),
    folded.filter((one) => one !== "").join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** What is there to be tried out, and how to get to it. */
function renderBranches({ branches = [], stack }: ProjectReview): string {
  return branches
    .map(({ name, of, monthMicros, currency }) => {
      const address = `${stack.replaceAll(".", "/")}/${name}`;
      const price = plain(formatMoney(monthMicros, currency));
      return `🌱 ${code(name)} is a branch of ${code(of)} while this is open (at most ${price} a month): ${code(`nebula db url ${address}`)}`;
    })
    .join("  \n");
}

function renderMoney({ price }: ProjectReview, limits: Limits): string {
  const changes = price?.databases.some((one) => one.differenceMicros !== 0 || startsToServe(one));
  if (price === null || changes !== true) return "";
  const sum = formatMoney(price.differenceMicros, price.currency, { sign: true });
  const head = ["Database", "Now", "After", "After, at `min`", "Difference"];
  return details(`Price a month: ${plain(sum)}`, table(head, "lrrrr", priceRows(price, limits.rows)));
}

function renderQuota({ quota }: ProjectReview): string {
  if (quota === null) return "";
  const head = ["", "Resource", "Now", "After", "Limit"];
  return details(quota.ok ? "Quota: fits" : "Quota: exceeded", table(head, "llrrr", quotaRows(quota)));
}

function renderPreview(preview: Preview, limits: Limits): string {
  switch (preview.kind) {
    case "pending":
      return "_The Pulumi preview is still running._";
    case "skipped":
      return `_No Pulumi preview: ${plain(preview.reason)}._`;
    case "failed":
      return `❌ **${preview.code}** The Pulumi preview failed: ${prose(preview.message)}`;
    case "done": {
      const { text } = preview;
      const body =
        text.length > limits.preview
          ? `${text.slice(0, limits.preview)}\n… ${text.length - limits.preview} more`
          : text;
      return details(`Pulumi preview: ${plain(preview.summary)}`, block(body, "text"));
    }
  }
}

function renderFooter({ head, base, durationMs, projects }: Review): string {
  const book = projects.find(({ price }) => price !== null)?.price?.priceBook;
  const parts = [
    `${head.slice(0, 7)} into ${base.slice(0, 7)}, reviewed in ${(durationMs / 1000).toFixed(1)} s`,
    ...(book === undefined
      ? []
      : [`prices: ${plain(book)}, at most: 730 hours awake at full size; asleep only storage counts`]),
    "this comment is kept up to date",
  ];
  return `<sub>${parts.join(" · ")}</sub>`;
}
