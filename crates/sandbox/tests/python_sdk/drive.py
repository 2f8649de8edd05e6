"""Drives the Scaleway simulator through all seven operations with the official client."""

import os
import urllib.request
from datetime import datetime, timezone

from scaleway import Client, ScalewayException
from scaleway.partner.v1 import PartnerV1API
from scaleway.partner.v1.types import (
    ListOrganizationsRequestOrderBy,
    OrganizationLockedBy,
    OrganizationStatus,
)

URL = os.environ["SANDBOX_URL"]
PARTNER_ID = os.environ["SANDBOX_PARTNER_ID"]


def api_with(secret_key):
    client = Client(
        access_key="SCWXXXXXXXXXXXXXXXXX", secret_key=secret_key, api_url=URL
    )
    return PartnerV1API(client)


API = api_with(os.environ["SANDBOX_SECRET_KEY"])


def new_organization(number, **more):
    return {
        "partner_id": PARTNER_ID,
        "email": f"owner-{number}@acme.test",
        "organization_name": f"Acme {number}",
        "owner_firstname": "Ada",
        "owner_lastname": "Acme",
        "customer_id": f"cust-{number}",
        **more,
    }


def refusal(call, **arguments):
    try:
        call(**arguments)
    except ScalewayException as refused:
        return refused.status_code, refused.response.json()
    raise AssertionError("it was not refused")


def validate_email(organization_id):
    url = f"{URL}/_sandbox/organizations/{organization_id}/validate-email"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
        assert answer.status == 204


def create_and_get():
    created = API.create_organization(
        **new_organization(1, phone_number="+33100000000", siren_number="123456789")
    )
    assert created.name == "Acme 1"
    assert created.email == "owner-1@acme.test"
    assert created.owner_firstname == "Ada" and created.owner_lastname == "Acme"
    assert created.customer_id == "cust-1"
    assert created.phone_number == "+33100000000"
    assert created.siren_number is None
    assert created.status == OrganizationStatus.LOCKED
    assert created.locked_by == OrganizationLockedBy.SCALEWAY
    assert created.lock_reason_message == "validate_email"
    assert isinstance(created.created_at, datetime)
    assert created.created_at.astimezone(timezone.utc) <= datetime.now(timezone.utc)
    assert API.get_organization(organization_id=created.id) == created
    return created


def lock_and_unlock(created):
    locked = API.lock_organization(organization_id=created.id)
    assert locked.status == OrganizationStatus.LOCKED
    assert locked.locked_by == OrganizationLockedBy.PARTNER
    assert locked.lock_reason_message == "locked_by_reseller"
    assert locked.locked_at > created.locked_at
    unlocked = API.unlock_organization(organization_id=created.id)
    assert unlocked == created, "the lock beneath is back as it was"
    validate_email(created.id)
    opened = API.unlock_organization(organization_id=created.id)
    assert opened.status == OrganizationStatus.OPENED
    assert opened.locked_by == OrganizationLockedBy.UNKNOWN_LOCKED_BY
    assert opened.locked_at is None


def update(created):
    changed = API.update_organization(
        organization_id=created.id,
        name="Acme SAS",
        email="new@acme.test",
        owner_firstname="Bob",
        owner_lastname="Builder",
        phone_number="",
        customer_id="cust-9",
        comment="moved",
    )
    assert (changed.name, changed.email) == ("Acme SAS", "new@acme.test")
    assert (changed.owner_firstname, changed.owner_lastname) == ("Bob", "Builder")
    assert changed.phone_number is None
    assert (changed.customer_id, changed.comment) == ("cust-9", "moved")
    assert changed.created_at == created.created_at


def request_admin_role(created):
    answer = API.request_admin_role(
        organization_id=created.id,
        username="ops@partner",
        email="ops@partner.test",
        password="",
    )
    assert answer is None


def lists(created):
    for number in range(2, 6):
        API.create_organization(**new_organization(number))
    page = API.list_organizations(page=2, page_size=2)
    assert page.total_count == 5
    assert [o.name for o in page.organizations] == ["Acme 3", "Acme 4"]
    everything = API.list_organizations_all()
    assert len(everything) == 5
    assert everything[0].id == created.id
    assert everything[0].phone_number == ""
    newest = API.list_organizations(
        order_by=ListOrganizationsRequestOrderBy.CREATED_AT_DESC
    )
    assert [o.id for o in newest.organizations] == [o.id for o in everything][::-1]
    filters = [
        ({"email": "new@acme.test"}, 1),
        ({"customer_id": "cust-9"}, 1),
        ({"customer_id": "cust-1"}, 0),
        ({"status": OrganizationStatus.OPENED}, 1),
        ({"status": OrganizationStatus.UNKNOWN_STATUS}, 5),
        ({"locked_by": OrganizationLockedBy.SCALEWAY}, 4),
        ({"locked_by": OrganizationLockedBy.PARTNER}, 0),
        ({"page": 9}, 0),
    ]
    for arguments, count in filters:
        found = API.list_organizations(**arguments)
        assert len(found.organizations) == count, arguments


def refusals():
    status, error = refusal(API.create_organization, **new_organization(2))
    assert (status, error["type"]) == (409, "already_exists")
    status, error = refusal(
        API.create_organization, **new_organization(7, siren_number="12")
    )
    assert (status, error["type"]) == (400, "invalid_arguments")
    assert error["details"][0]["argument_name"] == "siren_number"
    nobody = "00000000-0000-0000-0000-000000000000"
    status, error = refusal(API.get_organization, organization_id=nobody)
    assert (status, error["type"]) == (404, "not_found")
    assert error["resource_id"] == nobody
    status, error = refusal(api_with(nobody).list_organizations)
    assert (status, error["type"]) == (401, "denied_authentication")


def main():
    created = create_and_get()
    lock_and_unlock(created)
    update(created)
    request_admin_role(created)
    lists(created)
    refusals()


main()
