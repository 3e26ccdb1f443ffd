import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

export type Target = { readonly expr: string; readonly legend?: string };

export type Panel = {
  readonly title: string;
  readonly help: string;
  /** As Grafana names units. */
  readonly unit: string;
  readonly targets: readonly Target[];
  /** One number, or the course of it. Default: the course. */
  readonly kind?: "stat" | "timeseries";
};

export type Dashboard = {
  readonly uid: `nebuladb-${string}`;
  readonly title: string;
  readonly about: string;
  /** Narrowing choices, each within the ones before: label and the series that has it. */
  readonly variables: readonly { readonly label: string; readonly of: string }[];
  readonly panels: readonly Panel[];
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in
const source = { type: "prometheus", uid: "${source}" };
const [width, height, columns] = [8, 8, 3];

/** As Grafana imports it. Pure: the same dashboard is the same text. */
export function toGrafana({ uid, title, about, variables, panels }: Dashboard): string {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(about)
    .tags(["nebuladb"])
    .refresh("30s")
    .time({ from: "now-6h", to: "now" })
    .timezone("utc")
    .withVariable(new DatasourceVariableBuilder("source").type("prometheus").label("Prometheus"));
  variables.forEach(({ label, of }, i) => {
    const within = variables.slice(0, i).map((before) => `${before.label}="$${before.label}"`);
    const series = within.length === 0 ? of : `${of}{${within.join(",")}}`;
    // refresh 2: whenever the span of time changes
    builder.withVariable(
      new QueryVariableBuilder(label).query(`label_values(${series}, ${label})`).datasource(source).refresh(2).sort(1),
    );
  });
  panels.forEach((panel, i) => {
    const place = { x: (i % columns) * width, y: Math.floor(i / columns) * height, w: width, h: height };
    builder.withPanel(builderOf(panel).gridPos(place));
  });
  return `${JSON.stringify(builder.build(), null, 2)}\n`;
}

function builderOf({ title, help, unit, targets, kind = "timeseries" }: Panel): TimeseriesBuilder | StatBuilder {
  const panel = kind === "stat" ? new StatBuilder() : new TimeseriesBuilder();
  panel.title(title).description(help).unit(unit).datasource(source);
  targets.forEach(({ expr, legend }, i) => {
    const query = new DataqueryBuilder().expr(expr).refId(String.fromCharCode(65 + i));
    panel.withTarget(legend === undefined ? query : query.legendFormat(legend));
  });
  return panel;
}
