# Lambda authorizers of API Gateway, which the free LocalStack lacks: the resource type, and the question to the function.
# LocalStack runs this file in its own process when it starts; the handler goes where its source says that others may go.
import json
import re

from localstack.aws.connect import connect_to
from localstack.services.apigateway.next_gen.execute_api import handlers
from localstack.services.apigateway.next_gen.execute_api.gateway_response import (
    AccessDeniedError,
    AuthorizerFailureError,
    UnauthorizedError,
)
from localstack.services.cloudformation import resource_provider
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent, ResourceProvider


class AuthorizerProvider(ResourceProvider):
    """Makes and removes authorizers. Nothing updates one: a stack is deployed once into a LocalStack, which forgets it."""

    TYPE = "AWS::ApiGateway::Authorizer"
    SCHEMA = {
        "typeName": TYPE,
        "primaryIdentifier": ["/properties/AuthorizerId"],
        "readOnlyProperties": ["/properties/AuthorizerId"],
    }

    def create(self, request):
        model = request.desired_state
        properties = {name[0].lower() + name[1:]: value for name, value in model.items()}
        # CloudFormation takes numbers as text as well.
        ttl = {"authorizerResultTtlInSeconds": int(properties.pop("authorizerResultTtlInSeconds", 300))}
        model["AuthorizerId"] = request.aws_client_factory.apigateway.create_authorizer(**properties, **ttl)["id"]
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)

    def delete(self, request):
        model = request.desired_state
        request.aws_client_factory.apigateway.delete_authorizer(
            restApiId=model["RestApiId"], authorizerId=model["AuthorizerId"]
        )
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)


def authorize(_chain, context, _response):
    """Asks the function of a method's authorizer (type TOKEN) who calls; every time, where AWS keeps the answer."""
    method = context.resource_method
    if method.get("authorizationType") != "CUSTOM":
        return
    authorizer = context.deployment.rest_api.authorizers[method["authorizerId"]]
    token = context.invocation_request["headers"].get("Authorization", "")
    if not re.fullmatch(authorizer.get("identityValidationExpression") or ".+", token):
        raise UnauthorizedError("Unauthorized")
    resource = f"{context.api_id}/{context.stage}/{context.invocation_request['http_method']}"
    event = {
        "type": "TOKEN",
        "authorizationToken": token,
        "methodArn": f"arn:aws:execute-api:{context.region}:{context.account_id}:{resource}/",
    }
    function = re.search(r"/functions/(.+)/invocations$", authorizer["authorizerUri"])[1]
    client = connect_to(region_name=context.region, aws_access_key_id=context.account_id).lambda_
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        if result.get("errorMessage") == "Unauthorized":
            raise UnauthorizedError("Unauthorized")
        raise AuthorizerFailureError("Internal server error")
    if [statement["Effect"] for statement in result["policyDocument"]["Statement"]] != ["Allow"]:
        raise AccessDeniedError("User is not authorized to access this resource")
    context.context_variables["authorizer"] = {**result["context"], "principalId": result["principalId"]}


# A licensed image has authorizers of its own.
if not resource_provider.PRO_RESOURCE_PROVIDERS:
    load = resource_provider.ResourceProviderExecutor.try_load_resource_provider
    resource_provider.ResourceProviderExecutor.try_load_resource_provider = staticmethod(
        lambda name: AuthorizerProvider() if name == AuthorizerProvider.TYPE else load(name)
    )
    handlers.preprocess_request.append(authorize)
