// Models that are loaded and unloaded while the process runs.
import { z } from 'zod';
import { text } from '../fields.js';

export const repository = z.strictObject({
  folder: text('a folder of ONNX files')
    .nullable()
    .default(null)
    .describe(
      "files that RepositoryModelLoad may put in a backbone's place (parameter `model`); null: only the configured ones",
    ),
});
