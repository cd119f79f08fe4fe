//! The price list.

super::rules! {
    gaps: [
        "pricing": "Prices are those of On-Demand instances of the catalogue in us-east-1, with Linux and shared tenancy, as of 2026-07-20 (source in data/prices.json); types without a price there have none. Reserved and Spot prices, other services but MLflow's tracking servers, regions and systems are not there.",
        "pricing": "Of tracking servers the usage type and the Small price are as people's bills told them; the prices of Medium and Large are guesses, as are family and unit.",
        "pricing": "SKUs are not AWS's. A product has the attributes that callers filter by, not all that AWS tells.",
        "pricing": "A filter for a field that a product has not matches nothing; the codes of an unknown service, attribute or format are not verified.",
    ]
    SERVICE_NEEDED = "pricing.service-needed" {
        says: "A call for products names a service.",
        source: "Message: aws-sdk-js issue 3329",
        answer: "InvalidParameterException",
        proof: Api,
    }
    SERVICE_LETTERS = "pricing.service-letters" {
        says: "A service code has letters and digits only.",
        source: "Message: cb-spider issue 1055",
        answer: "InvalidParameterException",
        proof: Api,
    }
    SERVICE_UNKNOWN = "pricing.service-unknown" {
        says: "The service exists.",
        source: "Price List API reference, GetProducts, NotFoundException",
        answer: "NotFoundException",
        proof: Api,
    }
    FORMAT = "pricing.format" {
        says: "The format is aws_v1.",
        source: "Price List API reference, GetProducts, FormatVersion",
        answer: "InvalidParameterException",
        proof: Api,
    }
    FILTER = "pricing.filter" {
        says: "A filter has a field, a value and a known type.",
        source: "Price List API model, Filter",
        answer: "InvalidParameterException",
        proof: Api,
    }
    FILTERS = "pricing.filters" {
        says: "Only products that match every filter are told.",
        source: "Price List API reference, GetProducts, Filters",
        answer: "-",
        proof: Api,
    }
    ATTRIBUTE = "pricing.attribute-unknown" {
        says: "Values are told of attributes that the service has.",
        source: "Price List API reference, GetAttributeValues, NotFoundException",
        answer: "NotFoundException",
        proof: Api,
    }
    MAX_RESULTS = "pricing.max-results" {
        says: "A page has 1 to 100 products.",
        source: "Price List API model, GetProductsMaxResults",
        answer: "InvalidParameterException",
        proof: Api,
    }
    PAGES = "pricing.pages" {
        says: "Products come in pages of 100, or of MaxResults, with a NextToken.",
        source: "Price List API reference, GetProducts",
        answer: "-",
        proof: Api,
    }
    TOKEN = "pricing.token" {
        says: "A NextToken is one that the service gave.",
        source: "Price List API reference, InvalidNextTokenException",
        answer: "InvalidNextTokenException",
        proof: Api,
    }
}
