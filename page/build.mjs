/** Puts the page together: script, style and font under names that change with their contents, and the licences. */

import { build } from "esbuild";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const HERE = new URL(".", import.meta.url);
const TARGET = new URL("../src/finalex/page/assets/", HERE);
const LICENSED = ["lightweight-charts", "fancy-canvas", "@fontsource-variable/inter"];

await rm(TARGET, { recursive: true, force: true });
await mkdir(TARGET, { recursive: true });
await build({
  absWorkingDir: fileURLToPath(HERE),
  entryPoints: ["src/main.ts", "style.css", "icon.svg"],
  outdir: fileURLToPath(TARGET),
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox114", "safari16.4"],
  conditions: ["production"],
  loader: { ".woff2": "file", ".svg": "copy" },
  legalComments: "none",
  logLevel: "warning",
});

const names = await readdir(TARGET);
const named = (start, end) => names.find((name) => name.startsWith(start) && name.endsWith(end));
const document = (await readFile(new URL("index.html", HERE), "utf-8"))
  .replace("src/main.ts", `assets/${named("main-", ".js")}`)
  .replace("style.css", `assets/${named("style-", ".css")}`)
  .replace("icon.svg", `assets/${named("icon-", ".svg")}`)
  .replace("font.woff2", `assets/${named("inter-", ".woff2")}`);
const licences = await Promise.all(LICENSED.map(licence));
await writeFile(new URL("licences.txt", TARGET), licences.join("\n\n"));
await writeFile(new URL("index.html", TARGET), document);

async function licence(name) {
  const folder = new URL(`node_modules/${name}/`, HERE);
  const { version, license, author } = JSON.parse(await readFile(new URL("package.json", folder), "utf-8"));
  const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
  const text = file === undefined ? `${license}, ${author}` : await readFile(new URL(file, folder), "utf-8");
  return `${name} ${version}\n\n${text.trim()}\n`;
}
