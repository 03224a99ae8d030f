/** The API document, and the page that shows it. */

import { static as serveFiles } from 'express';
// Not the package as a whole: it would load the code of the page into this process.
import getAbsoluteFSPath from 'swagger-ui-dist/absolute-path.js';
import * as z from 'zod';

import { operation } from './operation.ts';
import { createRouter, type Routers } from './routes.ts';

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>API</title>
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;
const START = "SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n";
/** Swagger UI has styles and images in its code. */
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** @param document makes the API document */
export function createDocs(document: () => object): Routers {
  return { '/openapi.json': createDocument(document), '/docs': createPage() };
}

function createDocument(document: () => object) {
  const router = createRouter();
  let known: object | undefined;
  router.get(
    '/',
    operation({
      operationId: 'api_document',
      summary: 'Get the API document',
      description: 'This document.',
      tags: ['operations'],
      responses: { 200: z.custom<object>() },
      hidden: true,
    }),
    (_req, res) => {
      known ??= document();
      res.json(known);
    },
  );
  return router;
}

function createPage() {
  const router = createRouter();
  router.use((_req, res, next) => {
    res.set('content-security-policy', POLICY);
    next();
  });
  router.get(
    '/',
    operation({
      operationId: 'api_page',
      summary: 'Show the API document',
      description: 'A page for browsers.',
      tags: ['operations'],
      responses: { 200: z.string() },
      mediaType: 'text/html',
      hidden: true,
    }),
    (_req, res) => {
      res.type('html').send(PAGE);
    },
  );
  router.use('/start.js', (_req, res) => {
    res.type('js').send(START);
  });
  router.use(serveFiles(getAbsoluteFSPath(), { index: false, redirect: false }));
  return router;
}
