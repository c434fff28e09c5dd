// Reads {schema, checks: [[pointer, value], …]} on standard input; prints what is wrong with each value, as JSON.
"use strict";

const { readFileSync } = require("node:fs");
const Ajv = require("ajv/dist/2020").default;
const addFormats = require("ajv-formats").default;

const { schema, checks } = JSON.parse(readFileSync(0, "utf8"));
const ajv = addFormats(new Ajv({ strict: true, strictTypes: false, allErrors: true }));
ajv.addSchema(schema, "protocol");

const problems = [];
for (const [pointer, value] of checks) {
  const validate = ajv.getSchema("protocol" + pointer);
  if (!validate) problems.push(`there is no ${pointer}`);
  else if (!validate(value)) problems.push(`${pointer}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
}
process.stdout.write(JSON.stringify(problems));
