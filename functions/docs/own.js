// Starts Swagger UI, and gives its controls what assistive technology needs. Runs in the browser, inlined into the page.
// Addresses are relative: a stage may have a prefix.

SwaggerUIBundle({
  url: '../openapi.json',
  domNode: document.getElementById('api'),
  // Links inside of buttons, which no keyboard and no screen reader can tell apart.
  deepLinking: false,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // A token is forgotten with the page.
  persistAuthorization: false,
  syntaxHighlight: { theme: 'nord' },
  tryItOutEnabled: true,
  // Else the document would be sent to a service of Swagger's.
  validatorUrl: null,
})

function nameControls() {
  for (const row of document.querySelectorAll('tr[data-param-name]')) {
    for (const control of row.querySelectorAll('input, select, textarea')) {
      control.setAttribute('aria-label', row.dataset.paramName)
    }
  }
  for (const control of document.querySelectorAll('.body-param__text'))
    control.setAttribute('aria-label', 'Request body')
  for (const control of document.querySelectorAll('.body-param-content-type select, .content-type-wrapper select')) {
    control.setAttribute('aria-label', 'Media type')
  }
  for (const button of document.querySelectorAll('.close-modal')) button.setAttribute('aria-label', 'Close')
  // They have a name of their own, which these contradict.
  for (const button of document.querySelectorAll('.modal-btn[aria-label]')) button.removeAttribute('aria-label')
  // What scrolls must be reached by keyboard.
  for (const code of document.querySelectorAll('pre')) code.setAttribute('tabindex', '0')
}

// Swagger UI draws a part when it is opened.
new MutationObserver(nameControls).observe(document.body, { childList: true, subtree: true })
