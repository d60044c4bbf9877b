// Starts Swagger UI. Runs in the browser, inlined into the page. Addresses are relative: a stage may have a prefix.
SwaggerUIBundle({
  url: '../openapi.json',
  domNode: document.getElementById('api'),
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // A token is forgotten with the page.
  persistAuthorization: false,
  tryItOutEnabled: true,
  // Else the document would be sent to a service of Swagger's.
  validatorUrl: null,
})
